// How fast a tier is: bytes per second while it was busy, and the time of one question. Older measurements fade. A
// value over given times; one thread.
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
  void observe_bytes(std::uint64_t bytes, std::int64_t busy_us, std::int64_t now_us);
  // A read was given up before the first `bytes` of it came. Each such time halves what is expected, until bytes come
  // again: a fast tier may hesitate once, but one that never gives anything must not look free.
  void observe_stall(std::uint64_t bytes, std::int64_t busy_us, std::int64_t now_us);
  void observe_latency(std::int64_t latency_us);

  TierRate measured() const;
  // What to plan with. A tier that is expected to be too slow is not read from, and so not measured again: after
  // `kTrustUs` without news its bandwidth is taken to double each `kTrustUs`, so that one that has recovered is found
  // again, at the cost of one given-up load now and then.
  TierRate expected(std::int64_t now_us) const;

 private:
  static constexpr std::int64_t kTrustUs = 60'000'000;
  static constexpr double kDoublingsMax = 30;
  static constexpr double kKeep = 0.8;  // share of the past in each new average
  double bytes_ = 0, busy_us_ = 0, latency_us_ = 0;
  double stalled_ = 0;  // bytes per second expected since the last stall; 0: bytes came since
  std::int64_t news_us_ = 0;
  bool has_latency_ = false;
};

}  // namespace cairn
