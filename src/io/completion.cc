#include "io/completion.h"

#include "base/check.h"

namespace cairn {

Operation::~Operation() { CAIRN_CHECK(!under_way(), "an operation was destroyed before it came back"); }

void Operation::begin() {
  std::uint8_t idle = 0;
  CAIRN_CHECK(state_.compare_exchange_strong(idle, 1, std::memory_order_acq_rel), "an operation was submitted twice");
  result_ = Result<void>();
}

CompletionQueue::~CompletionQueue() {
  MutexLock lock(mutex_);
  CAIRN_CHECK(head_ == nullptr, "a completion queue was destroyed with operations in it");
}

void CompletionQueue::complete(Operation& op, Result<void> result) noexcept {
  op.result_ = std::move(result);
  std::uint8_t running = 1;
  CAIRN_CHECK(op.state_.compare_exchange_strong(running, 2, std::memory_order_acq_rel),
              "an operation was completed twice");
  op.home_->push(op);
}

void CompletionQueue::push(Operation& op) noexcept {
  MutexLock lock(mutex_);
  op.next_ = nullptr;
  if (tail_ != nullptr)
    tail_->next_ = &op;
  else
    head_ = &op;
  tail_ = &op;
  ready_.notify_one();  // under the lock: the consumer may destroy the queue once it has the last operation
}

Operation* CompletionQueue::poll() noexcept {
  MutexLock lock(mutex_);
  Operation* op = head_;
  if (op == nullptr) return nullptr;
  head_ = op->next_;
  if (head_ == nullptr) tail_ = nullptr;
  op->state_.store(0, std::memory_order_release);
  return op;
}

Operation* CompletionQueue::wait_us(std::int64_t timeout_us) {
  {
    MutexLock lock(mutex_);
    if (head_ == nullptr && !woken_) ready_.wait_for_us(mutex_, timeout_us);
    woken_ = false;
  }
  return poll();
}

void CompletionQueue::wake() noexcept {
  MutexLock lock(mutex_);
  woken_ = true;
  ready_.notify_one();
}

}  // namespace cairn
