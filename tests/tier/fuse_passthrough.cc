#include "tier/fuse_passthrough.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <new>

#include "base/clock.h"

#if __has_include(<fuse3/fuse.h>)
#define FUSE_USE_VERSION 35
#include <dirent.h>
#include <fcntl.h>
#include <fuse3/fuse.h>

#include <cerrno>
#include <cstdio>
#endif

namespace cairn::test {

#if defined(FUSE_USE_VERSION)
namespace {

std::string g_source;  // of the server process, which has one mount
FusePassthrough::Control* g_control = nullptr;

std::string real(const char* path) { return g_source + path; }
int code(long result) { return result < 0 ? -errno : static_cast<int>(result); }

int fs_getattr(const char* path, struct stat* into, fuse_file_info*) { return code(lstat(real(path).c_str(), into)); }
int fs_mkdir(const char* path, mode_t mode) { return code(::mkdir(real(path).c_str(), mode)); }
int fs_unlink(const char* path) { return code(::unlink(real(path).c_str())); }
int fs_rmdir(const char* path) { return code(::rmdir(real(path).c_str())); }
int fs_link(const char* from, const char* to) { return code(::link(real(from).c_str(), real(to).c_str())); }
int fs_chmod(const char* path, mode_t mode, fuse_file_info*) { return code(::chmod(real(path).c_str(), mode)); }
int fs_rename(const char* from, const char* to, unsigned flags) {
  return flags != 0 ? -EINVAL : code(::rename(real(from).c_str(), real(to).c_str()));
}
int fs_open(const char* path, fuse_file_info* file) {
  const int opened = ::open(real(path).c_str(), file->flags & ~(O_DIRECT | O_NOFOLLOW));
  if (opened < 0) return -errno;
  file->fh = static_cast<std::uint64_t>(opened);
  file->direct_io = 1;
  return 0;
}
int fs_create(const char* path, mode_t mode, fuse_file_info* file) {
  const int opened = ::open(real(path).c_str(), (file->flags & ~(O_DIRECT | O_NOFOLLOW)) | O_CREAT, mode);
  if (opened < 0) return -errno;
  file->fh = static_cast<std::uint64_t>(opened);
  file->direct_io = 1;
  return 0;
}
int fs_release(const char*, fuse_file_info* file) { return code(::close(static_cast<int>(file->fh))); }
int fs_read(const char*, char* into, size_t bytes, off_t offset, fuse_file_info* file) {
  ++g_control->waiting_reads;
  while (g_control->hang_reads != 0) ::usleep(1000);
  --g_control->waiting_reads;
  ++g_control->served_reads;
  return code(::pread(static_cast<int>(file->fh), into, bytes, offset));
}
int fs_write(const char*, const char* from, size_t bytes, off_t offset, fuse_file_info* file) {
  return code(::pwrite(static_cast<int>(file->fh), from, bytes, offset));
}
int fs_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*, fuse_readdir_flags) {
  DIR* directory = ::opendir(real(path).c_str());
  if (directory == nullptr) return -errno;
  while (const dirent* entry = ::readdir(directory)) fill(buffer, entry->d_name, nullptr, 0, fuse_fill_dir_flags{});
  ::closedir(directory);
  return 0;
}

[[noreturn]] void serve(const std::string& at) {
  fuse_operations operations{};
  operations.getattr = fs_getattr;
  operations.mkdir = fs_mkdir;
  operations.unlink = fs_unlink;
  operations.rmdir = fs_rmdir;
  operations.link = fs_link;
  operations.chmod = fs_chmod;
  operations.rename = fs_rename;
  operations.open = fs_open;
  operations.create = fs_create;
  operations.release = fs_release;
  operations.read = fs_read;
  operations.write = fs_write;
  operations.readdir = fs_readdir;
  char name[] = "passthrough", foreground[] = "-f";
  std::string mount_point = at;
  char* arguments[] = {name, foreground, mount_point.data(), nullptr};
  if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(1);
  _exit(fuse_main(3, arguments, &operations, nullptr));
}

}  // namespace

bool FusePassthrough::mount(const std::string& source, const std::string& at, std::string& why) {
  if (access("/dev/fuse", R_OK | W_OK) != 0) return why = "no /dev/fuse here", false;
  void* shared = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return why = "no shared memory", false;
  control_ = new (shared) Control{};
  struct stat before{}, now{};
  ::stat(at.c_str(), &before);
  server_ = fork();
  if (server_ == 0) {
    g_source = source;
    g_control = control_;
    serve(at);
  }
  const SystemClock clock;
  const Deadline until = clock.after_us(5'000'000);
  while (!clock.passed(until)) {
    if (::stat(at.c_str(), &now) == 0 && now.st_dev != before.st_dev) {
      at_ = at;
      return true;
    }
    if (waitpid(server_, nullptr, WNOHANG) == server_) {
      server_ = -1;
      return why = "FUSE refused to mount here", false;
    }
  }
  return why = "the FUSE server did not come up", false;
}
#else
bool FusePassthrough::mount(const std::string&, const std::string&, std::string& why) {
  return why = "built without libfuse3", false;
}
#endif

FusePassthrough::~FusePassthrough() {
  if (control_ != nullptr) control_->hang_reads = 0;
  if (!at_.empty()) umount2(at_.c_str(), MNT_DETACH);
  if (server_ > 0) {
    kill(server_, SIGTERM);
    waitpid(server_, nullptr, 0);
  }
  if (control_ != nullptr) munmap(control_, sizeof(Control));
}

}  // namespace cairn::test
