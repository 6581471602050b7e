#include "io/file_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#ifndef STATX_DIOALIGN
#define STATX_DIOALIGN 0x00002000U
#endif

namespace cairn {
namespace {

// The kernel's struct statx as of 6.1; libc's may end before the direct I/O fields.
struct KernelStatx {
  std::uint32_t mask, block_bytes;
  std::uint64_t attributes;
  std::uint32_t links, uid, gid;
  std::uint16_t mode, spare0;
  std::uint64_t inode, bytes, blocks, attributes_mask;
  std::uint64_t times[8];
  std::uint32_t devices[4];
  std::uint64_t mount_id;
  std::uint32_t direct_memory_align, direct_offset_align;
  std::uint64_t spare3[12];
};
static_assert(sizeof(KernelStatx) == 256);

int code(long result) { return result < 0 ? -errno : static_cast<int>(result); }

FileStat convert(const struct stat& from) {
  FileStat to;
  to.regular = S_ISREG(from.st_mode);
  to.directory = S_ISDIR(from.st_mode);
  to.bytes = static_cast<std::uint64_t>(from.st_size);
  to.inode = from.st_ino;
  to.device = from.st_dev;
  to.uid = from.st_uid;
  to.mode = from.st_mode & 07777;
  to.mtime_us = static_cast<std::int64_t>(from.st_mtim.tv_sec) * 1'000'000 + from.st_mtim.tv_nsec / 1000;
  return to;
}

// For kernels and sandboxes without openat2: each directory on its own, none of them a link.
int open_by_component(int directory, std::string_view path, int flags, unsigned mode) {
  int current = directory;
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string name(path.substr(0, slash));
    if (name.empty() || name == "..") {
      if (current != directory) ::close(current);
      return -EXDEV;
    }
    const bool last = slash == std::string_view::npos;
    const int next = last ? ::openat(current, name.c_str(), flags, mode)
                          : ::openat(current, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int failure = next < 0 ? -errno : 0;
    if (current != directory) ::close(current);
    if (failure != 0 || last) return failure != 0 ? failure : next;
    current = next;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

int FileCalls::open_beneath(int directory, const char* path, int flags, unsigned mode) {
  static std::atomic<bool> has_openat2{true};
  flags |= O_CLOEXEC | O_NOFOLLOW;
  if ((flags & O_PATH) == 0) flags |= O_NONBLOCK;
  if (has_openat2) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags);
    how.mode = (flags & O_CREAT) != 0 ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const int result = code(syscall(SYS_openat2, directory, path, &how, sizeof how));
    if (result != -ENOSYS && result != -EPERM) return result;
    if (result == -ENOSYS) has_openat2 = false;
  }
  return open_by_component(directory, path, flags, mode);
}

int FileCalls::open_root(const char* path) { return code(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }
int FileCalls::close(int descriptor) { return code(::close(descriptor)); }

int FileCalls::stat(int directory, const char* path, FileStat& into) {
  struct stat found{};
  const int result = code(fstatat(directory, path, &found, AT_SYMLINK_NOFOLLOW));
  if (result >= 0) into = convert(found);
  return result;
}

int FileCalls::stat_open(int descriptor, FileStat& into) {
  struct stat found{};
  const int result = code(fstat(descriptor, &found));
  if (result >= 0) into = convert(found);
  return result;
}

int FileCalls::direct_alignment(int descriptor, DirectAlignment& into) {
  KernelStatx found{};
  const int result = code(syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &found));
  if (result < 0) return result;
  into.reported = (found.mask & STATX_DIOALIGN) != 0;
  into.memory = found.direct_memory_align;
  into.offset = found.direct_offset_align;
  return 0;
}

std::int64_t FileCalls::file_system_magic(int descriptor) {
  struct statfs found{};
  if (fstatfs(descriptor, &found) < 0) return -errno;
  return static_cast<std::int64_t>(static_cast<std::uint32_t>(found.f_type));
}

ssize_t FileCalls::read(int descriptor, const iovec* pieces, int count, std::uint64_t offset) {
  const ssize_t got = preadv(descriptor, pieces, count, static_cast<off_t>(offset));
  return got < 0 ? -errno : got;
}

ssize_t FileCalls::write(int descriptor, const iovec* pieces, int count, std::uint64_t offset) {
  const ssize_t got = pwritev(descriptor, pieces, count, static_cast<off_t>(offset));
  return got < 0 ? -errno : got;
}

int FileCalls::allocate(int descriptor, std::uint64_t bytes) {
  return code(fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)));
}
int FileCalls::sync(int descriptor, SyncKind kind) {
  return code(kind == SyncKind::kData ? fdatasync(descriptor) : fsync(descriptor));
}
int FileCalls::drop_cache(int descriptor) { return -posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED); }
int FileCalls::chmod_open(int descriptor, unsigned mode) { return code(fchmod(descriptor, mode)); }
int FileCalls::rename_new(int directory, const char* from, const char* to) {
  return code(renameat2(directory, from, directory, to, RENAME_NOREPLACE));
}
int FileCalls::rename(int directory, const char* from, const char* to) {
  return code(renameat(directory, from, directory, to));
}
int FileCalls::move(int from_directory, const char* from, int to_directory, const char* to) {
  return code(renameat(from_directory, from, to_directory, to));
}
int FileCalls::link(int directory, const char* from, const char* to) {
  return code(linkat(directory, from, directory, to, 0));
}
int FileCalls::unlink(int directory, const char* path) { return code(unlinkat(directory, path, 0)); }
int FileCalls::make_directory(int directory, const char* path, unsigned mode) {
  return code(mkdirat(directory, path, mode));
}

int FileCalls::list(int directory, const char* path, std::size_t names_max, std::vector<std::string>& into) {
  const int descriptor = open_beneath(directory, path, O_RDONLY | O_DIRECTORY, 0);
  if (descriptor < 0) return descriptor;
  DIR* stream = fdopendir(descriptor);
  if (stream == nullptr) {
    const int failure = -errno;
    ::close(descriptor);
    return failure;
  }
  int failure = 0;
  while (into.size() < names_max) {
    errno = 0;
    const dirent* entry = readdir(stream);
    if (entry == nullptr) {
      failure = -errno;
      break;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") into.emplace_back(name);
  }
  closedir(stream);
  return failure;
}

FileCalls& system_file_calls() {
  static FileCalls calls;
  return calls;
}

}  // namespace cairn
