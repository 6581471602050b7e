// At most so many of something in any minute. Any thread.
#pragma once

#include <cstdint>
#include <deque>

#include "base/mutex.h"

namespace cairn {

class PerMinute {
 public:
  static constexpr std::int64_t kMinuteUs = 60'000'000;

  explicit PerMinute(std::uint32_t most) : most_(most) {}
  // One more now. False: not within this minute; it does not count.
  bool take(std::int64_t now_us) {
    MutexLock lock(mutex_);
    while (!taken_us_.empty() && taken_us_.front() <= now_us - kMinuteUs) taken_us_.pop_front();
    if (taken_us_.size() >= most_) return false;
    taken_us_.push_back(now_us);
    return true;
  }

 private:
  const std::uint32_t most_;
  Mutex mutex_;
  std::deque<std::int64_t> taken_us_ CAIRN_GUARDED_BY(mutex_);
};

}  // namespace cairn
