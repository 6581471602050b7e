// Where blocking I/O runs. A bounded pool per mount or device; io_uring or a seeded test order can stand behind the
// same interface.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"

namespace cairn {

// Caller-owned unit of blocking work. run() is called exactly once on some executor thread, then the executor forgets
// it (run may destroy *this as its last act).
class Task {
 public:
  virtual ~Task() = default;
  virtual void run() noexcept = 0;
  Task* next = nullptr;  // the executor's
};

class Executor {
 public:
  virtual ~Executor() = default;
  // False when the queue is full: the task was not taken. Any thread; never blocks.
  virtual bool submit(Task& task) = 0;
  virtual std::uint32_t queued() const = 0;
  virtual std::uint32_t stuck() const = 0;  // threads written off by `abandon_thread_of`, still inside a call
  // The thread running `task` hangs in a kernel call: let the pool start a replacement, at most `stuck_threads_max` at
  // a time (false beyond: the pool is sick, open its breaker).
  virtual bool abandon_thread_of(Task& task) = 0;
};

struct ThreadPoolConfig {
  std::uint32_t threads = 4;
  std::uint32_t queue_max = 1024;
  std::uint32_t stuck_threads_max = 8;
  std::int64_t stuck_patience_us = 2'000'000;  // destruction waits so long for threads that were written off
};
// Destruction joins the threads; those still stuck in a call after the patience are left behind (the process then
// leaves by `_exit`: see apps).
std::unique_ptr<Executor> make_thread_pool(const ThreadPoolConfig& config, const char* name);

}  // namespace cairn
