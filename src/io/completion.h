// The one async model: caller-owned operations and completion queues.
// From submission until a queue hands it back an operation must not be moved, reused or destroyed. It comes back
// exactly once: on success, failure, cancellation and shutdown alike.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"

namespace cairn {

class CompletionQueue;

class Operation {
 public:
  explicit Operation(CompletionQueue& home) : home_(&home) {}
  virtual ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // Valid after the queue handed the operation back.
  const Result<void>& result() const { return result_; }
  CompletionQueue& home() const { return *home_; }

  // For whoever accepts operations: marks it as under way (checked: it was idle) and as yours to complete once.
  void begin();
  bool under_way() const { return state_.load(std::memory_order_acquire) != 0; }

 private:
  friend class CompletionQueue;
  CompletionQueue* home_;
  Operation* next_ = nullptr;  // intrusive: completing allocates nothing, so it cannot fail
  Result<void> result_;
  std::atomic<std::uint8_t> state_{0};  // 0 idle, 1 under way, 2 completed and queued
};

// Many producers, one consumer at a time. FIFO.
class CompletionQueue {
 public:
  CompletionQueue() = default;
  ~CompletionQueue();  // checked: empty
  // Hands `op` (begun, not yet completed: checked) to its home queue. Any thread.
  static void complete(Operation& op, Result<void> result) noexcept;
  Operation* poll() noexcept;  // null: nothing ready
  // Waits on `clock`-free real time for at most timeout_us; null: nothing came. wake() makes it return early.
  Operation* wait_us(std::int64_t timeout_us);
  void wake() noexcept;

 private:
  void push(Operation& op) noexcept;
  Mutex mutex_;
  CondVar ready_;
  Operation* head_ CAIRN_GUARDED_BY(mutex_) = nullptr;
  Operation* tail_ CAIRN_GUARDED_BY(mutex_) = nullptr;
  bool woken_ CAIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn
