// Files as Cairn uses them: whole transfers in bounded steps, names published once and never replaced, and the truth
// about direct I/O on a mount. Any thread; functions block and return -errno on failure.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"
#include "io/file_calls.h"

namespace cairn {

inline constexpr std::uint64_t kIoStepBytes = 1 << 20;
inline constexpr std::uint32_t kIoAlignment = 4096;  // satisfies every direct I/O that we know

// An open descriptor; closes it. Movable.
class OwnedFile {
 public:
  OwnedFile() = default;
  OwnedFile(FileCalls& calls, int descriptor) : calls_(&calls), descriptor_(descriptor) {}
  OwnedFile(OwnedFile&& other) noexcept : calls_(other.calls_), descriptor_(std::exchange(other.descriptor_, -1)) {}
  OwnedFile& operator=(OwnedFile&& other) noexcept {
    if (this != &other) {
      reset();
      calls_ = other.calls_;
      descriptor_ = std::exchange(other.descriptor_, -1);
    }
    return *this;
  }
  ~OwnedFile() { reset(); }
  int get() const { return descriptor_; }
  bool open() const { return descriptor_ >= 0; }
  void reset() {
    if (descriptor_ >= 0) calls_->close(std::exchange(descriptor_, -1));
  }
  // What close(2) says, 0 or -errno: on network file systems the first word about writes that did not arrive.
  int finish() { return descriptor_ >= 0 ? calls_->close(std::exchange(descriptor_, -1)) : 0; }

 private:
  FileCalls* calls_ = nullptr;
  int descriptor_ = -1;
};

// Memory for direct I/O. Freed with the object.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::uint64_t bytes);
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer();
  std::byte* data() const { return data_; }
  std::uint64_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::uint64_t size_ = 0;
};

// Asked before every kernel call; false ends the transfer with -ECANCELED.
using GoOn = std::function<bool()>;

// All of `pieces` at `offset`, at most kIoStepBytes a call; EINTR and short counts are continued. The number of bytes
// moved (a read is short only at the end of the file), or -errno.
std::int64_t read_pieces(FileCalls& calls, int descriptor, std::span<const iovec> pieces, std::uint64_t offset,
                         const GoOn& go_on);
std::int64_t write_pieces(FileCalls& calls, int descriptor, std::span<const iovec> pieces, std::uint64_t offset,
                          const GoOn& go_on);

// `path` and what is missing above it, each with `mode` whatever the umask says. 0 or -errno.
int make_directories(FileCalls& calls, int root, const std::string& path, unsigned mode);

// Makes the names on the way to `path` last: syncs `root` and every directory above `path`. 0 or -errno.
int sync_directories(FileCalls& calls, int root, const std::string& path);

enum class PublishMethod : std::uint8_t { kRenameNew, kLink, kRename };
const char* to_string(PublishMethod method);

// Gives the file `temporary` the name `name` unless that exists: 0, -EEXIST (temporary stays), or -errno.
int publish(FileCalls& calls, PublishMethod method, int directory, const char* temporary, const char* name);

enum class DirectMode : std::uint8_t { kAuto, kAlways, kNever };

// What a mount can do, found by doing it with a new name.
struct MountTraits {
  PublishMethod publish = PublishMethod::kRename;
  bool direct = false;          // transfers pass the page cache by
  std::uint32_t alignment = 1;  // of memory, offset and length when direct
  std::string direct_reason;    // why direct is what it is, for people
  std::string file_system;      // "tmpfs", "btrfs", "fuse", or the magic number in hex
};
// Creates and removes two small files in `directory`. kUnavailable: it cannot be written.
Result<MountTraits> probe_mount(FileCalls& calls, int directory, DirectMode mode);

// The same for a directory that cannot be written, by means of a file that is there; publishing stays unknown.
MountTraits probe_read_only_mount(FileCalls& calls, int directory, const std::string& existing, DirectMode mode);

}  // namespace cairn
