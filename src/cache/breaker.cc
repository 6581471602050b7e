#include "cache/breaker.h"

#include <algorithm>

namespace cairn {

void Breaker::good(Kind kind) {
  if (state_ == State::kOpen) return;  // a late answer of before
  if (state_ == State::kHalfOpen) {
    state_ = State::kClosed;
    errors_ = errors_max_ - 1;  // on trial: the next error opens it at once
    data_errors_ = true;
    return;
  }
  if (kind == Kind::kProbe && data_errors_) return;
  errors_ = 0;
  data_errors_ = false;
  if (kind == Kind::kData) backoff_ = 1;
}

bool Breaker::bad(Kind kind, std::int64_t now_us) {
  if (state_ == State::kOpen) return false;
  if (kind == Kind::kData) data_errors_ = true;
  ++errors_;
  if (state_ == State::kClosed && errors_ < errors_max_) return false;
  return open(now_us);
}

bool Breaker::corrupt(std::int64_t now_us) {
  constexpr std::int64_t kMinuteUs = 60'000'000;
  std::int64_t& oldest = corrupt_at_us_[corrupt_count_ % kCorruptPerMinuteMax];
  const bool full = corrupt_count_ >= kCorruptPerMinuteMax && now_us - oldest < kMinuteUs;
  oldest = now_us;
  ++corrupt_count_;
  if (!full || state_ == State::kOpen) return false;
  return open(now_us);
}

bool Breaker::open(std::int64_t now_us) {
  state_ = State::kOpen;
  errors_ = 0;
  probe_at_us_ = now_us + open_us_ * backoff_;
  backoff_ = std::min(backoff_ * 2, kBackoffMax);
  return true;
}

}  // namespace cairn
