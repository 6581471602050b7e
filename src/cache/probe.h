// The cache's metrics as named events, so that the code speaks of what happened and not of label strings.
// Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cache/breaker.h"
#include "cache/tiered_cache.h"

namespace cairn {

class CacheProbe {
 public:
  CacheProbe(Metrics& metrics, std::span<const std::string> tiers);

  void looked_up(std::int64_t elapsed_us) { lookup_seconds_->observe(static_cast<double>(elapsed_us) * 1e-6); }
  void loaded(std::size_t tier, std::uint64_t chunks, std::uint64_t bytes);
  void missed(MissReason reason, std::uint64_t chunks);
  void missed(const ChunkTally& tally);
  void shared_load() { shared_loads_->add(); }  // a chunk that another load was already bringing
  void promoted(std::uint64_t bytes) { promoted_bytes_->add(static_cast<double>(bytes)); }
  void stored(std::size_t tier, std::uint64_t bytes);
  void not_stored(std::size_t tier) { tiers_[tier].not_stored->add(); }
  void write_through_dropped(std::uint64_t blocks, std::uint64_t bytes);
  void write_through_waiting(std::uint64_t bytes) { waiting_bytes_->set(static_cast<double>(bytes)); }
  void inflight(std::uint64_t bytes) { inflight_bytes_->set(static_cast<double>(bytes)); }
  void breaker(std::size_t tier, Breaker::State state);
  void stalled(std::size_t tier) { tiers_[tier].stalls->add(); }
  void rate(std::size_t tier, double bytes_per_s) { tiers_[tier].bytes_per_s->set(bytes_per_s); }

 private:
  struct PerTier {
    Counter *hit_chunks, *hit_bytes, *stored_blocks, *stored_bytes, *not_stored, *opened, *stalls;
    Counter *to_device, *from_device;
    Gauge *breaker, *bytes_per_s;
  };
  std::vector<PerTier> tiers_;
  std::array<Counter*, static_cast<std::size_t>(MissReason::kCount_)> missed_{};
  Counter *shared_loads_, *promoted_bytes_, *dropped_blocks_, *dropped_bytes_;
  Gauge *waiting_bytes_, *inflight_bytes_;
  Histogram* lookup_seconds_;
};

}  // namespace cairn
