#include "cache/rate.h"

#include <algorithm>
#include <cmath>

namespace cairn {

void RateMeter::observe_bytes(std::uint64_t bytes, std::int64_t busy_us, std::int64_t now_us) {
  if (bytes == 0) return;
  if (now_us - news_us_ > kTrustUs) bytes_ = busy_us_ = 0;  // what was true then must not outweigh what is
  // Sums that fade together: batches that end at the same moment share one busy time, so single quotients mean nothing.
  bytes_ = bytes_ * kKeep + static_cast<double>(bytes);
  busy_us_ = busy_us_ * kKeep + static_cast<double>(std::max<std::int64_t>(busy_us, 1));
  stalled_ = 0;
  news_us_ = now_us;
}

void RateMeter::observe_stall(std::uint64_t bytes, std::int64_t busy_us, std::int64_t now_us) {
  const double enough = static_cast<double>(bytes) / static_cast<double>(std::max<std::int64_t>(busy_us, 1)) * 1e6;
  const TierRate before = expected(now_us);
  stalled_ = std::max((before.measured() ? before.bytes_per_s : enough) / 2, 1.0);
  news_us_ = now_us;
}

void RateMeter::observe_latency(std::int64_t latency_us) {
  const auto sample = static_cast<double>(std::max<std::int64_t>(latency_us, 0));
  latency_us_ = has_latency_ ? latency_us_ * kKeep + sample * (1 - kKeep) : sample;
  has_latency_ = true;
}

TierRate RateMeter::measured() const {
  TierRate rate;
  rate.latency_us = latency_us_;
  if (busy_us_ > 0) rate.bytes_per_s = bytes_ / busy_us_ * 1e6;
  return rate;
}

TierRate RateMeter::expected(std::int64_t now_us) const {
  TierRate rate = measured();
  if (stalled_ > 0) rate.bytes_per_s = stalled_;
  const double ages = static_cast<double>(now_us - news_us_) / static_cast<double>(kTrustUs);
  rate.bytes_per_s *= std::exp2(std::clamp(ages - 1, 0.0, kDoublingsMax));
  return rate;
}

}  // namespace cairn
