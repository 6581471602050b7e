#include "cache/rate.h"

#include <algorithm>

namespace cairn {

void RateMeter::observe_bytes(std::uint64_t bytes, std::int64_t busy_us) {
  if (bytes == 0) return;
  // Sums that fade together: batches that end at the same moment share one busy time, so single quotients mean nothing.
  bytes_ = bytes_ * kKeep + static_cast<double>(bytes);
  busy_us_ = busy_us_ * kKeep + static_cast<double>(std::max<std::int64_t>(busy_us, 1));
}

void RateMeter::observe_latency(std::int64_t latency_us) {
  const auto sample = static_cast<double>(std::max<std::int64_t>(latency_us, 0));
  latency_us_ = has_latency_ ? latency_us_ * kKeep + sample * (1 - kKeep) : sample;
  has_latency_ = true;
}

TierRate RateMeter::rate() const {
  TierRate rate;
  rate.latency_us = latency_us_;
  if (busy_us_ > 0) rate.bytes_per_s = bytes_ / busy_us_ * 1e6;
  return rate;
}

}  // namespace cairn
