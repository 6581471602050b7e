// System calls with faults, delays and gates put in by a test.
#pragma once

#include <atomic>
#include <cerrno>
#include <functional>

#include "base/mutex.h"
#include "io/file_calls.h"

namespace cairn::test {

class FaultCalls : public FileCalls {
 public:
  // Each returns 0 (let the call through) or -errno.
  std::function<int()> on_stat, on_read, on_write, on_allocate, on_sync, on_rename, on_create, on_unlink, on_list;
  std::function<int()> on_close;  // of a file that was created; the descriptor is closed all the same
  std::function<void(int directory, const char* temporary)> before_publish;
  std::atomic<std::size_t> short_count{0};  // reads and writes move at most so many bytes, when not 0

  std::atomic<bool> writes_nothing{false};  // writes return 0

  int stat(int directory, const char* path, FileStat& into) override {
    if (const int failed = ask(on_stat); failed < 0) return failed;
    return FileCalls::stat(directory, path, into);
  }
  ssize_t read(int descriptor, const iovec* pieces, int count, std::uint64_t offset) override {
    if (const int failed = ask(on_read); failed < 0) return failed;
    if (short_count != 0) {
      const iovec first{pieces->iov_base, std::min<std::size_t>(pieces->iov_len, short_count)};
      return FileCalls::read(descriptor, &first, 1, offset);
    }
    return FileCalls::read(descriptor, pieces, count, offset);
  }
  ssize_t write(int descriptor, const iovec* pieces, int count, std::uint64_t offset) override {
    if (const int failed = ask(on_write); failed < 0) return failed;
    if (writes_nothing) return 0;
    if (short_count != 0) {
      const iovec first{pieces->iov_base, std::min<std::size_t>(pieces->iov_len, short_count)};
      return FileCalls::write(descriptor, &first, 1, offset);
    }
    return FileCalls::write(descriptor, pieces, count, offset);
  }
  int allocate(int descriptor, std::uint64_t bytes) override {
    if (const int failed = ask(on_allocate); failed < 0) return failed;
    return FileCalls::allocate(descriptor, bytes);
  }
  int sync(int descriptor, SyncKind kind) override {
    if (const int failed = ask(on_sync); failed < 0) return failed;
    return FileCalls::sync(descriptor, kind);
  }
  int open_beneath(int directory, const char* path, int flags, unsigned mode) override {
    if ((flags & 0100) != 0) {  // O_CREAT
      if (const int failed = ask(on_create); failed < 0) return failed;
    }
    const int opened = FileCalls::open_beneath(directory, path, flags, mode);
    if ((flags & 0100) != 0) created_ = opened;
    return opened;
  }
  int close(int descriptor) override {
    const int closed = FileCalls::close(descriptor);
    if (created_ != descriptor) return closed;
    created_ = -1;
    const int failed = ask(on_close);
    return failed < 0 ? failed : closed;
  }
  int list(int directory, const char* path, std::size_t names_max, std::vector<std::string>& into) override {
    if (const int failed = ask(on_list); failed < 0) return failed;
    return FileCalls::list(directory, path, names_max, into);
  }
  int rename_new(int directory, const char* from, const char* to) override {
    if (before_publish) before_publish(directory, from);
    if (const int failed = ask(on_rename); failed < 0) return failed;
    return FileCalls::rename_new(directory, from, to);
  }
  int link(int directory, const char* from, const char* to) override {
    if (before_publish) before_publish(directory, from);
    return FileCalls::link(directory, from, to);
  }
  int unlink(int directory, const char* path) override {
    if (const int failed = ask(on_unlink); failed < 0) return failed;
    return FileCalls::unlink(directory, path);
  }

 private:
  std::atomic<int> created_{-1};
  static int ask(const std::function<int()>& fault) { return fault ? fault() : 0; }
};

}  // namespace cairn::test
