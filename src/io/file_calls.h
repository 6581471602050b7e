// The system calls on files, one virtual method each: the seam at which tests inject errors, delays, short counts and
// kills. Every method returns a count or descriptor >= 0, or -errno. Names are relative to an open directory; no
// component of an opened name may be a symbolic link. Any thread; methods block.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <vector>

namespace cairn {

struct FileStat {
  bool regular = false, directory = false;
  std::uint64_t bytes = 0, inode = 0, device = 0;
  std::uint32_t uid = 0, mode = 0;
  std::int64_t mtime_us = 0;  // since 1970
};

struct DirectAlignment {
  bool reported = false;                 // the kernel says something about direct I/O on this file
  std::uint32_t memory = 0, offset = 0;  // zero: no direct I/O
};

enum class SyncKind : std::uint8_t { kData, kFull };

class FileCalls {
 public:
  virtual ~FileCalls() = default;
  // `flags` as for open(2); O_CLOEXEC, O_NOFOLLOW and O_NONBLOCK are added. `path` stays beneath `directory`.
  virtual int open_beneath(int directory, const char* path, int flags, unsigned mode);
  virtual int open_root(const char* path);  // an absolute path of the user's, links allowed
  virtual int close(int descriptor);
  virtual int stat(int directory, const char* path, FileStat& into);  // of the link itself, if it is one
  virtual int stat_open(int descriptor, FileStat& into);
  virtual int direct_alignment(int descriptor, DirectAlignment& into);
  virtual std::int64_t file_system_magic(int descriptor);
  virtual ssize_t read(int descriptor, const iovec* pieces, int count, std::uint64_t offset);
  virtual ssize_t write(int descriptor, const iovec* pieces, int count, std::uint64_t offset);
  virtual int allocate(int descriptor, std::uint64_t bytes);
  virtual int sync(int descriptor, SyncKind kind);
  virtual int drop_cache(int descriptor);
  virtual int chmod_open(int descriptor, unsigned mode);
  virtual int rename_new(int directory, const char* from, const char* to);  // -EEXIST, never replaces
  virtual int rename(int directory, const char* from, const char* to);
  virtual int move(int from_directory, const char* from, int to_directory, const char* to);  // replaces
  virtual int link(int directory, const char* from, const char* to);
  virtual int unlink(int directory, const char* path);
  virtual int make_directory(int directory, const char* path, unsigned mode);
  // Names in a directory without "." and ".."; at most `names_max`.
  virtual int list(int directory, const char* path, std::size_t names_max, std::vector<std::string>& into);
};

// The process's real calls.
FileCalls& system_file_calls();

}  // namespace cairn
