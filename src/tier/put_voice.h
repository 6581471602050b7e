// What a store's puts say in the log: the first that fails, and the first that works again. A store that changes its
// mind more often says so once a minute. Any thread; `worked` costs a load while nothing fails.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "base/mutex.h"

namespace cairn {

class PutVoice {
 public:
  static constexpr std::int64_t kQuietUs = 60'000'000;

  bool failed(std::int64_t now_us);       // true: worth a line
  std::optional<std::uint64_t> worked();  // puts that failed meanwhile, when their failing was said

 private:
  Mutex mutex_;
  std::atomic<bool> said_{false};  // changed under the lock
  bool ever_ CAIRN_GUARDED_BY(mutex_) = false;
  std::int64_t said_us_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::uint64_t failed_ CAIRN_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
