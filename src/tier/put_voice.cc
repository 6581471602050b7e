#include "tier/put_voice.h"

#include <utility>

namespace cairn {

bool PutVoice::failed(std::int64_t now_us) {
  MutexLock lock(mutex_);
  ++failed_;
  if (said_ || (ever_ && now_us < said_us_ + kQuietUs)) return false;
  said_ = ever_ = true;
  said_us_ = now_us;
  return true;
}

std::optional<std::uint64_t> PutVoice::worked() {
  if (!said_.load(std::memory_order_relaxed)) return std::nullopt;
  MutexLock lock(mutex_);
  if (!said_.exchange(false)) return std::nullopt;
  return std::exchange(failed_, 0);
}

}  // namespace cairn
