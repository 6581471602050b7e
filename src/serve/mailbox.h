// The way from the generator's step thread to the I/O thread: events are collected, and one post carries all that came
// since the last one was taken, so a step of many sequences wakes the I/O thread once. Bounded by what the generator
// may produce: inflight_requests_max sequences, each with at most its output tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace cairn {

template <class Event>
class Mailbox {
 public:
  // `post` runs `take` on the I/O thread; called without a lock.
  explicit Mailbox(std::function<void()> post) : post_(std::move(post)) {}

  void push(Event event) {  // any thread
    bool first = false;
    {
      MutexLock lock(mutex_);
      if (closed_) return;
      first = events_.empty();
      events_.push_back(std::move(event));
      if (first) ++posting_;
    }
    if (!first) return;
    post_();
    MutexLock lock(mutex_);
    if (--posting_ == 0) posted_.notify_all();
  }
  std::vector<Event> take() {
    MutexLock lock(mutex_);
    return std::exchange(events_, {});
  }
  // What comes from now on is dropped. Returns when no `post` is under way: what it needs may go then.
  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    events_.clear();
    while (posting_ > 0) posted_.wait(mutex_);
  }

 private:
  const std::function<void()> post_;
  Mutex mutex_;
  CondVar posted_;
  std::uint32_t posting_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::vector<Event> events_ CAIRN_GUARDED_BY(mutex_);
  bool closed_ CAIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn
