#include "engine/inbox.h"

#include <string>
#include <utility>

namespace cairn {

Result<RequestId> Inbox::post(Arrival arrival) {
  MutexLock lock(mutex_);
  if (closed_) return unavailable("shutting down: no new requests");
  if (arrivals_.size() + waiting_ >= queue_max_) {
    return Error{ErrorCode::kExhausted, std::to_string(queue_max_) + " requests wait already"};
  }
  const RequestId id{++last_};
  arrival.id = id;
  live_.insert(id);
  arrivals_.push_back(std::move(arrival));
  changed_.notify_all();
  return id;
}

void Inbox::cancel(RequestId id) {
  MutexLock lock(mutex_);
  if (!live_.contains(id)) return;
  cancels_.insert(id);
  changed_.notify_all();
}

void Inbox::cancel_all() {
  MutexLock lock(mutex_);
  cancels_ = live_;
  changed_.notify_all();
}

void Inbox::close() {
  MutexLock lock(mutex_);
  closed_ = true;
}

void Inbox::wait_us(std::int64_t timeout_us) {
  MutexLock lock(mutex_);
  // One wait, not a loop: a spurious wake-up costs the step thread one empty turn.
  if (arrivals_.empty() && cancels_.empty() && !woken_) (void)changed_.wait_for_us(mutex_, timeout_us);
  woken_ = false;
}

void Inbox::wake() {
  MutexLock lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

std::size_t Inbox::live() const {
  MutexLock lock(mutex_);
  return live_.size();
}

bool Inbox::empty() const {
  MutexLock lock(mutex_);
  return arrivals_.empty() && cancels_.empty();
}

Mail Inbox::take() {
  MutexLock lock(mutex_);
  Mail mail{std::exchange(arrivals_, {}), {cancels_.begin(), cancels_.end()}};
  cancels_.clear();
  waiting_ += mail.arrivals.size();
  return mail;
}

void Inbox::waiting(std::size_t requests) {
  MutexLock lock(mutex_);
  waiting_ = requests;
}

void Inbox::ended(RequestId id) {
  MutexLock lock(mutex_);
  live_.erase(id);
  cancels_.erase(id);
}

}  // namespace cairn
