#include "cache/probe.h"

namespace cairn {
namespace {

constexpr char kOffloaded[] = "vllm:kv_offload_total_bytes_total";  // as vLLM exports it: a counter of that name

}  // namespace

CacheProbe::CacheProbe(Metrics& metrics, std::span<const std::string> tiers) {
  for (const std::string& tier : tiers) {
    const Labels labels{{"tier", tier}};
    PerTier made{};
    made.hit_chunks = &metrics.counter("cairn_cache_hit_chunks_total", "chunks served, by tier", labels);
    made.hit_bytes = &metrics.counter("cairn_cache_hit_bytes_total", "bytes served, by tier", labels);
    made.stored_blocks =
        &metrics.counter("cairn_cache_stored_blocks_total", "blocks that the tier reported stored", labels);
    made.stored_bytes =
        &metrics.counter("cairn_cache_stored_bytes_total", "bytes that the tier reported stored", labels);
    made.not_stored =
        &metrics.counter("cairn_cache_not_stored_blocks_total", "blocks refused, failed or skipped", labels);
    made.opened = &metrics.counter("cairn_cache_breaker_opened_total", "times the breaker opened", labels);
    made.stalls = &metrics.counter("cairn_cache_stalls_total", "transfers and questions given up as stalled", labels);
    made.breaker = &metrics.gauge("cairn_cache_breaker_state", "0 closed, 1 open, 2 half-open", labels);
    made.bytes_per_s = &metrics.gauge("cairn_cache_tier_bytes_per_second", "measured read bandwidth", labels);
    made.breaker->set(0);
    // What dashboards for vLLM's offloading read: by the kind of the tier.
    const std::string far = tier == "ram" ? "CPU" : "SHARED_STORAGE";
    const char* help = "bytes moved between the device and tiers, by direction";
    made.to_device = &metrics.counter(kOffloaded, help, {{"transfer_type", far + "_to_GPU"}});
    made.from_device = &metrics.counter(kOffloaded, help, {{"transfer_type", "GPU_to_" + far}});
    tiers_.push_back(made);
  }
  for (std::size_t reason = 1; reason < missed_.size(); ++reason) {
    const Labels labels{{"reason", std::string(to_string(static_cast<MissReason>(reason)))}};
    missed_[reason] =
        &metrics.counter("cairn_cache_missed_chunks_total", "wanted chunks not served, by reason", labels);
  }
  shared_loads_ = &metrics.counter("cairn_cache_shared_loads_total", "chunks that waited for another request's load");
  promoted_bytes_ = &metrics.counter("cairn_cache_promoted_bytes_total", "bytes put into the near tier after a load");
  dropped_blocks_ = &metrics.counter("cairn_cache_write_through_dropped_blocks_total",
                                     "background stores given up before they began");
  dropped_bytes_ =
      &metrics.counter("cairn_cache_write_through_dropped_bytes_total", "bytes of dropped background stores");
  waiting_bytes_ = &metrics.gauge("cairn_cache_write_through_waiting_bytes", "bytes waiting for slower tiers");
  inflight_bytes_ = &metrics.gauge("cairn_cache_inflight_bytes", "bytes of loads and saves under way");
  lookup_seconds_ = &metrics.histogram("cairn_cache_lookup_seconds", "time of a lookup",
                                       {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5});
}

void CacheProbe::loaded(std::size_t tier, std::uint64_t chunks, std::uint64_t bytes) {
  tiers_[tier].hit_chunks->add(static_cast<double>(chunks));
  tiers_[tier].hit_bytes->add(static_cast<double>(bytes));
  tiers_[tier].to_device->add(static_cast<double>(bytes));
}

void CacheProbe::missed(MissReason reason, std::uint64_t chunks) {
  if (chunks != 0 && reason != MissReason::kNone)
    missed_[static_cast<std::size_t>(reason)]->add(static_cast<double>(chunks));
}

void CacheProbe::missed(const ChunkTally& tally) {
  for (std::size_t r = 0; r < tally.missed.size(); ++r) missed(static_cast<MissReason>(r), tally.missed[r]);
}

void CacheProbe::stored(std::size_t tier, std::uint64_t bytes) {
  tiers_[tier].stored_blocks->add();
  tiers_[tier].stored_bytes->add(static_cast<double>(bytes));
  tiers_[tier].from_device->add(static_cast<double>(bytes));
}

void CacheProbe::write_through_dropped(std::uint64_t blocks, std::uint64_t bytes) {
  dropped_blocks_->add(static_cast<double>(blocks));
  dropped_bytes_->add(static_cast<double>(bytes));
}

void CacheProbe::breaker(std::size_t tier, Breaker::State state) {
  tiers_[tier].breaker->set(static_cast<double>(state));
  if (state == Breaker::State::kOpen) tiers_[tier].opened->add();
}

}  // namespace cairn
