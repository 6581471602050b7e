#include "cache/events.h"

#include <utility>

namespace cairn {

void EventQueue::push(const CacheEvent& event) {
  MutexLock lock(mutex_);
  if (events_.size() >= events_max_) {
    events_.pop_front();
    ++lost_;
  }
  events_.push_back(event);
}

EventQueue::Taken EventQueue::take() {
  MutexLock lock(mutex_);
  Taken taken;
  taken.events.assign(events_.begin(), events_.end());
  taken.lost = std::exchange(lost_, 0);
  events_.clear();
  return taken;
}

}  // namespace cairn
