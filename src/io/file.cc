#include "io/file.h"

#include <fcntl.h>
#include <linux/magic.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/random.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif

namespace cairn {
namespace {

constexpr std::size_t kPiecesPerCallMax = 512;

// One step: pieces from `next` on, cut to kIoStepBytes.
struct Cursor {
  std::span<const iovec> pieces;
  std::size_t piece = 0;
  std::uint64_t inside = 0;

  void skip(std::uint64_t bytes) {
    while (bytes > 0) {
      const std::uint64_t left = pieces[piece].iov_len - inside;
      const std::uint64_t step = std::min(left, bytes);
      inside += step;
      bytes -= step;
      if (inside == pieces[piece].iov_len) {
        ++piece;
        inside = 0;
      }
    }
    while (piece < pieces.size() && pieces[piece].iov_len == 0) ++piece;
  }
  bool done() const { return piece == pieces.size(); }
  int fill(std::array<iovec, kPiecesPerCallMax>& into) const {
    int count = 0;
    std::uint64_t room = kIoStepBytes + 4096;  // header and first segment in one call
    std::uint64_t skip_bytes = inside;
    for (std::size_t i = piece; i < pieces.size() && room > 0 && count < static_cast<int>(into.size()); ++i) {
      const std::uint64_t bytes = std::min<std::uint64_t>(pieces[i].iov_len - skip_bytes, room);
      if (bytes > 0)
        into[static_cast<std::size_t>(count++)] = {static_cast<std::byte*>(pieces[i].iov_base) + skip_bytes, bytes};
      room -= bytes;
      skip_bytes = 0;
    }
    return count;
  }
};

template <class Call>
std::int64_t transfer(std::span<const iovec> pieces, std::uint64_t offset, const GoOn& go_on, Call call) {
  std::array<iovec, kPiecesPerCallMax> step;
  Cursor cursor{pieces};
  cursor.skip(0);
  std::uint64_t moved = 0;
  while (!cursor.done()) {
    if (go_on && !go_on()) return -ECANCELED;
    const int count = cursor.fill(step);
    const ssize_t got = call(step.data(), count, offset + moved);
    if (got == -EINTR || got == -EAGAIN) continue;
    if (got < 0) return got;
    if (got == 0) break;
    moved += static_cast<std::uint64_t>(got);
    cursor.skip(static_cast<std::uint64_t>(got));
  }
  return static_cast<std::int64_t>(moved);
}

const char* known_file_system(std::int64_t magic) {
  switch (magic) {
    case TMPFS_MAGIC:
      return "tmpfs";
    case BTRFS_SUPER_MAGIC:
      return "btrfs";
    case FUSE_SUPER_MAGIC:
      return "fuse";
    case EXT4_SUPER_MAGIC:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case NFS_SUPER_MAGIC:
      return "nfs";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlay";
    default:
      return nullptr;
  }
}

std::string probe_name() { return ".probe." + random_hex(8); }

int same_file(FileCalls& calls, int directory, const char* a, const char* b) {
  FileStat first, second;
  if (const int failed = calls.stat(directory, a, first); failed < 0) return failed;
  if (const int failed = calls.stat(directory, b, second); failed < 0) return failed;
  return first.inode == second.inode && first.device == second.device ? 1 : 0;
}

int publish_by_link(FileCalls& calls, int directory, const char* temporary, const char* name) {
  const int linked = calls.link(directory, temporary, name);
  // A retry inside a network file system may have won before its answer was lost: then both names are one file.
  if (linked < 0 && same_file(calls, directory, temporary, name) != 1) return linked;
  calls.unlink(directory, temporary);
  return 0;
}

PublishMethod probe_publish(FileCalls& calls, int directory, const std::string& from) {
  const std::string to = from + ".new";
  if (calls.rename_new(directory, from.c_str(), to.c_str()) >= 0) {
    calls.rename(directory, to.c_str(), from.c_str());
    return PublishMethod::kRenameNew;
  }
  if (calls.link(directory, from.c_str(), to.c_str()) >= 0) {
    calls.unlink(directory, to.c_str());
    return PublishMethod::kLink;
  }
  return PublishMethod::kRename;
}

bool can_open_direct(FileCalls& calls, int directory, const std::string& name) {
  const int descriptor = calls.open_beneath(directory, name.c_str(), O_RDONLY | O_DIRECT, 0);
  if (descriptor >= 0) calls.close(descriptor);
  return descriptor >= 0;
}

void probe_direct(FileCalls& calls, int directory, const OwnedFile& file, const std::string& name, DirectMode mode,
                  MountTraits& traits) {
  const std::int64_t magic = calls.file_system_magic(file.get());
  const char* known = magic >= 0 ? known_file_system(magic) : nullptr;
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(magic));
  traits.file_system = known != nullptr ? known : text;
  if (mode == DirectMode::kNever) {
    traits.direct_reason = "switched off";
    return;
  }
  const bool opens = can_open_direct(calls, directory, name);
  DirectAlignment alignment;
  const bool asked = calls.direct_alignment(file.get(), alignment) >= 0 && alignment.reported;
  traits.alignment = kIoAlignment;
  if (!opens) {
    traits.direct_reason = "the file system refuses O_DIRECT";
  } else if (asked && alignment.memory == 0) {
    traits.direct_reason = "the kernel reports no direct I/O here";
  } else if (asked) {
    traits.direct = alignment.memory <= kIoAlignment && alignment.offset <= kIoAlignment;
    traits.direct_reason = traits.direct ? "reported by the kernel" : "the kernel wants an alignment above 4096";
  } else if (known != nullptr && (magic == TMPFS_MAGIC || magic == BTRFS_SUPER_MAGIC || magic == FUSE_SUPER_MAGIC)) {
    traits.direct_reason = "O_DIRECT opens but is not known to pass the page cache by";
  } else {
    traits.direct = true;
    traits.direct_reason = "assumed: O_DIRECT opens and the kernel reports nothing";
  }
  if (mode == DirectMode::kAlways && opens) {
    traits.direct = true;
    traits.direct_reason = "asked for";
  }
  if (!traits.direct) traits.alignment = 1;
}

}  // namespace

AlignedBuffer::AlignedBuffer(std::uint64_t bytes) : size_(round_up(bytes, kIoAlignment)) {
  data_ = static_cast<std::byte*>(std::aligned_alloc(kIoAlignment, size_));
  CAIRN_CHECK(data_ != nullptr, "out of memory");
}
AlignedBuffer::~AlignedBuffer() { std::free(data_); }

std::int64_t read_pieces(FileCalls& calls, int descriptor, std::span<const iovec> pieces, std::uint64_t offset,
                         const GoOn& go_on) {
  return transfer(pieces, offset, go_on, [&](const iovec* step, int count, std::uint64_t at) {
    return calls.read(descriptor, step, count, at);
  });
}

std::int64_t write_pieces(FileCalls& calls, int descriptor, std::span<const iovec> pieces, std::uint64_t offset,
                          const GoOn& go_on) {
  return transfer(pieces, offset, go_on, [&](const iovec* step, int count, std::uint64_t at) {
    return calls.write(descriptor, step, count, at);
  });
}

int make_directories(FileCalls& calls, int root, const std::string& path, unsigned mode) {
  for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    const int made = calls.make_directory(root, part.c_str(), mode);
    if (made < 0 && made != -EEXIST) {
      FileStat there;  // EROFS and EACCES come before EEXIST on some file systems
      if (calls.stat(root, part.c_str(), there) < 0 || !there.directory) return made;
    }
    if (made >= 0) {
      const int opened = calls.open_beneath(root, part.c_str(), O_RDONLY | O_DIRECTORY, 0);
      if (opened >= 0) {
        calls.chmod_open(opened, mode);
        calls.close(opened);
      }
    }
    if (end == std::string::npos) return 0;
  }
}

int sync_directories(FileCalls& calls, int root, const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos; end = path.find('/', end + 1)) {
    const std::string above = end == 0 ? "." : path.substr(0, end);
    const OwnedFile directory(calls, calls.open_beneath(root, above.c_str(), O_RDONLY | O_DIRECTORY, 0));
    if (directory.get() == -EACCES) continue;  // one that may not be read was not made by us
    const int synced = directory.open() ? calls.sync(directory.get(), SyncKind::kFull) : directory.get();
    if (synced < 0) return synced;
  }
  return 0;
}

const char* to_string(PublishMethod method) {
  switch (method) {
    case PublishMethod::kRenameNew:
      return "renameat2";
    case PublishMethod::kLink:
      return "link";
    case PublishMethod::kRename:
      return "rename";
  }
  return "unknown";
}

int publish(FileCalls& calls, PublishMethod method, int directory, const char* temporary, const char* name) {
  switch (method) {
    case PublishMethod::kRenameNew:
      return calls.rename_new(directory, temporary, name);
    case PublishMethod::kLink:
      return publish_by_link(calls, directory, temporary, name);
    case PublishMethod::kRename:
      break;
  }
  FileStat there;
  const int found = calls.stat(directory, name, there);
  if (found >= 0) return -EEXIST;
  return calls.rename(directory, temporary, name);
}

Result<MountTraits> probe_mount(FileCalls& calls, int directory, DirectMode mode) {
  const std::string name = probe_name();
  OwnedFile file(calls, calls.open_beneath(directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  if (!file.open()) return unavailable("cannot create a file in the store: " + std::string(strerror(-file.get())));
  MountTraits traits;
  traits.publish = probe_publish(calls, directory, name);
  probe_direct(calls, directory, file, name, mode, traits);
  calls.unlink(directory, name.c_str());
  if (mode == DirectMode::kAlways && !traits.direct) return unavailable("direct=always, but " + traits.direct_reason);
  return traits;
}

MountTraits probe_read_only_mount(FileCalls& calls, int directory, const std::string& existing, DirectMode mode) {
  MountTraits traits;
  OwnedFile file(calls, calls.open_beneath(directory, existing.c_str(), O_RDONLY, 0));
  if (file.open())
    probe_direct(calls, directory, file, existing, mode, traits);
  else
    traits.direct_reason = "nothing to probe with";
  return traits;
}

}  // namespace cairn
