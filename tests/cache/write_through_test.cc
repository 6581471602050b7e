// Background stores stay within their budget, drop what does not fit and say so, and return every pin.
#include "cache/write_through.h"

#include <gtest/gtest.h>

#include "cache/cache_world.h"

namespace cairn::test {
namespace {

const FakeTier::Options kRam{.name = "ram", .lends = true};
const FakeTier::Options kFile{.name = "file", .latency_us = 1000, .bytes_per_s = 8'192'000};
const FakeTier::Options kBucket{.name = "s3", .latency_us = 5000, .bytes_per_s = 8'192'000};

std::size_t save_all(CacheWorld& world, std::span<const ChunkId> chunks) {
  const auto memory = world.memory(0, chunks.size());
  world.fill(memory, chunks);
  Save op(world.queue);
  op.chunks = chunks;
  op.from = memory.scatters;
  world.cache->save(op);
  world.until_back(op);
  for (auto& block : memory.scatters) {
    for (const MemoryRef& piece : block) std::memset(piece.data, 0x55, piece.size);  // reused at once
  }
  return op.chunks_saved;
}

TEST(WriteThrough, DropsWhatExceedsItsBudgetAndCountsIt) {
  CacheConfig config;
  config.write_through_bytes_max = 10 * kBlockBytes;
  CacheWorld world({kRam, kFile}, config);
  const auto chunks = chunks_of(1, 30);
  EXPECT_EQ(save_all(world, chunks), 30u) << "all are in the near tier";
  EXPECT_LE(world.gauge("cairn_cache_write_through_waiting_bytes"), 10.0 * kBlockBytes);
  EXPECT_LE(world.fakes[0]->lent(), 10u);
  world.run(10'000'000);
  EXPECT_EQ(world.fakes[1]->blocks(), 10u);
  EXPECT_EQ(world.counter("cairn_cache_write_through_dropped_blocks_total"), 20);
  EXPECT_EQ(world.counter("cairn_cache_write_through_dropped_bytes_total"), 20.0 * kBlockBytes);
  EXPECT_EQ(world.counter("cairn_cache_stored_blocks_total", {{"tier", "file"}}), 10);
  EXPECT_EQ(world.fakes[0]->lent(), 0u);
  EXPECT_EQ(world.gauge("cairn_cache_write_through_waiting_bytes"), 0);
}

TEST(WriteThrough, ATierWithAnOpenBreakerDoesNotKeepAnotherFromItsBlocks) {
  CacheWorld world({kRam, kFile, kBucket});
  world.fakes[2]->faults.fail = 1;
  const auto chunks = chunks_of(1, 60);
  save_all(world, chunks);
  world.run(4'000'000);
  EXPECT_EQ(world.fakes[1]->blocks(), 60u);
  EXPECT_EQ(world.fakes[2]->blocks(), 0u);
  EXPECT_EQ(world.gauge("cairn_cache_breaker_state", {{"tier", "s3"}}), 1);
  EXPECT_EQ(world.fakes[0]->lent(), 0u);
}

TEST(WriteThrough, OfAHangingTierIsGivenUpAndItsPinsComeBackWithTheBatch) {
  CacheWorld world({kRam, kFile});
  world.fakes[1]->hang_all = true;
  const auto chunks = chunks_of(1, 20);
  save_all(world, chunks);
  world.run(30'000'000);
  EXPECT_EQ(world.fakes[0]->lent(), 0u);
  EXPECT_EQ(world.counter("cairn_cache_stored_blocks_total", {{"tier", "file"}}), 0);
}

}  // namespace
}  // namespace cairn::test
