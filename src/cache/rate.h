// How fast a tier is, as measured: bytes per second while it was busy, and the time of one question. Older
// measurements fade. A value over given times; one thread.
#pragma once

#include <cstdint>

namespace cairn {

// What planning needs to know of one tier. Not measured: its cost counts as zero, so that it gets used and measured.
struct TierRate {
  double bytes_per_s = 0;
  double latency_us = 0;
  bool measured() const { return bytes_per_s > 0; }
  double time_us(std::uint64_t bytes) const {
    return measured() ? latency_us + static_cast<double>(bytes) / bytes_per_s * 1e6 : 0;
  }
};

class RateMeter {
 public:
  // `bytes` came back after the tier was busy for `busy_us` since the last call.
  void observe_bytes(std::uint64_t bytes, std::int64_t busy_us);
  void observe_latency(std::int64_t latency_us);
  TierRate rate() const;

 private:
  static constexpr double kKeep = 0.8;  // share of the past in each new average
  double bytes_ = 0, busy_us_ = 0, latency_us_ = 0;
  bool has_latency_ = false;
};

}  // namespace cairn
