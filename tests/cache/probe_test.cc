// Each event changes the metric that its name promises, and no other.
#include "cache/probe.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(CacheProbe, CountsByTierAndReason) {
  const auto metrics = make_metrics();
  const std::vector<std::string> tiers{"ram", "file"};
  CacheProbe probe(*metrics, tiers);
  const auto counter = [&](const char* name, const Labels& labels = {}) {
    return metrics->counter(name, "", labels).value();
  };
  probe.loaded(1, 3, 300);
  EXPECT_EQ(counter("cairn_cache_hit_chunks_total", {{"tier", "file"}}), 3);
  EXPECT_EQ(counter("cairn_cache_hit_bytes_total", {{"tier", "file"}}), 300);
  EXPECT_EQ(counter("cairn_cache_hit_chunks_total", {{"tier", "ram"}}), 0);
  EXPECT_EQ(counter("vllm:kv_offload_total_bytes", {{"transfer_type", "SHARED_STORAGE_to_GPU"}}), 300);
  EXPECT_EQ(counter("vllm:kv_offload_total_bytes", {{"transfer_type", "CPU_to_GPU"}}), 0);
  ChunkTally tally;
  tally.missed[static_cast<std::size_t>(MissReason::kStalled)] = 4;
  probe.missed(tally);
  EXPECT_EQ(counter("cairn_cache_missed_chunks_total", {{"reason", std::string(to_string(MissReason::kStalled))}}), 4);
  EXPECT_EQ(counter("cairn_cache_missed_chunks_total", {{"reason", std::string(to_string(MissReason::kAbsent))}}), 0);
  probe.stored(0, 50);
  EXPECT_EQ(counter("cairn_cache_stored_bytes_total", {{"tier", "ram"}}), 50);
  EXPECT_EQ(counter("vllm:kv_offload_total_bytes", {{"transfer_type", "GPU_to_CPU"}}), 50);
  probe.write_through_dropped(2, 100);
  EXPECT_EQ(counter("cairn_cache_write_through_dropped_blocks_total"), 2);
  EXPECT_EQ(counter("cairn_cache_write_through_dropped_bytes_total"), 100);
  probe.breaker(1, Breaker::State::kOpen);
  EXPECT_EQ(metrics->gauge("cairn_cache_breaker_state", "", {{"tier", "file"}}).value(), 1);
  EXPECT_EQ(counter("cairn_cache_breaker_opened_total", {{"tier", "file"}}), 1);
}

}  // namespace
}  // namespace cairn
