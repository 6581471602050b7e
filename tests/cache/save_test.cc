// A save reports as stored only what a tier reported stored, and writes nothing twice.
#include <gtest/gtest.h>

#include "cache/cache_world.h"

namespace cairn::test {
namespace {

const FakeTier::Options kRam{.name = "ram", .lends = true};
const FakeTier::Options kFile{.name = "file", .latency_us = 1000, .bytes_per_s = 8'192'000};

struct Saving {
  Saving(CacheWorld& world, std::span<const ChunkId> chunks, std::size_t first_block = 0)
      : memory(world.memory(first_block, chunks.size())), op(world.queue) {
    world.fill(memory, chunks);
    op.chunks = chunks;
    op.from = memory.scatters;
    world.cache->save(op);
  }
  CacheWorld::Memory memory;
  Save op;
};

std::size_t puts(const FakeTier& tier) {
  return static_cast<std::size_t>(std::count(tier.verbs.begin(), tier.verbs.end(), Verb::kPut));
}

TEST(Save, GoesToTheNearTierAtOnceAndToTheOthersBehindIt) {
  CacheWorld world({kRam, kFile}, {}, 2);
  const auto chunks = chunks_of(1, 5);
  Saving save(world, chunks);
  EXPECT_LT(world.until_back(save.op), 1000);
  EXPECT_EQ(save.op.chunks_saved, 5u);
  world.run(1'000'000);
  for (const ChunkId& chunk : chunks) {
    for (const std::uint32_t shard : {0u, 1u}) {
      ASSERT_TRUE(world.fakes[1]->has({chunk, shard}));
      EXPECT_EQ(world.fakes[1]->content({chunk, shard}), bytes_of({chunk, shard}, kBlockBytes));
    }
  }
  EXPECT_EQ(world.fakes[0]->lent(), 0u);
  EXPECT_EQ(world.counter("cairn_cache_stored_blocks_total", {{"tier", "file"}}), 10);
}

TEST(Save, WithoutANearTierComesBackWhenTheMemoryMayBeReused) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 5);
  Saving save(world, chunks);
  EXPECT_GE(world.until_back(save.op), 5000);
  EXPECT_EQ(save.op.chunks_saved, 5u);
  EXPECT_EQ(world.fakes[0]->blocks(), 5u);
}

TEST(Save, OfWhatIsKnownToBeStoredWritesNothing) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 5);
  Saving first(world, chunks);
  world.until_back(first.op);
  const std::size_t before = puts(*world.fakes[0]);
  Saving second(world, chunks);
  world.until_back(second.op);
  EXPECT_EQ(second.op.chunks_saved, 5u);
  EXPECT_EQ(puts(*world.fakes[0]), before);
}

TEST(Save, OfWhatAnotherSaveIsWritingWaitsForItsOutcome) {
  for (const bool fails : {false, true}) {
    CacheWorld world({kFile});
    world.fakes[0]->faults.refuse = fails ? 1 : 0;
    const auto chunks = chunks_of(1, 5);
    Saving first(world, chunks), second(world, chunks, 50);
    world.until_back(second.op);
    world.take_back();
    EXPECT_EQ(second.op.chunks_saved, fails ? 0u : 5u);
    EXPECT_EQ(puts(*world.fakes[0]), fails ? 2u : 1u);
  }
}

TEST(Save, RefusedOrFailedIsNeverReportedStored) {
  for (const bool refused : {false, true}) {
    CacheWorld world({kRam, kFile});
    for (FakeTier* fake : world.fakes) (refused ? fake->faults.refuse : fake->faults.fail) = 1;
    const auto chunks = chunks_of(1, 3);
    Saving save(world, chunks);
    world.until_back(save.op);
    world.run(1'000'000);
    EXPECT_EQ(save.op.chunks_saved, 0u);
    EXPECT_EQ(world.counter("cairn_cache_stored_blocks_total", {{"tier", "ram"}}), 0);
    EXPECT_EQ(world.counter("cairn_cache_stored_blocks_total", {{"tier", "file"}}), 0);
    for (FakeTier* fake : world.fakes) fake->faults = {};
    EXPECT_EQ(world.find(chunks).chunks(), 0u);
  }
}

TEST(Save, GoesStraightToTheFarTierWhenTheNearOneRefuses) {
  CacheWorld world({kRam, kFile});
  world.fakes[0]->faults.refuse = 1;
  const auto chunks = chunks_of(1, 3);
  Saving save(world, chunks);
  world.until_back(save.op);
  EXPECT_EQ(save.op.chunks_saved, 3u);
  EXPECT_EQ(world.fakes[1]->blocks(), 3u);
}

TEST(Save, CountsAChunkOnlyWithAllItsShards) {
  CacheWorld world({kFile}, {}, 2);
  const auto chunks = chunks_of(1, 40);
  world.fakes[0]->faults.refuse = 0.3;
  Saving save(world, chunks);
  world.until_back(save.op);
  std::size_t whole = 0;
  for (const ChunkId& chunk : chunks)
    whole += world.fakes[0]->has({chunk, 0}) && world.fakes[0]->has({chunk, 1}) ? 1 : 0;
  EXPECT_EQ(save.op.chunks_saved, whole);
  EXPECT_GT(whole, 0u);
  EXPECT_LT(whole, 40u);
}

TEST(Save, ToATierThatHangsGivesUpAndHoldsItsMemory) {
  CacheWorld world({kFile});
  world.fakes[0]->hang_all = world.fakes[0]->deaf_all = true;
  const auto chunks = chunks_of(1, 2);
  Saving save(world, chunks);
  const std::int64_t took_us = world.until_back(save.op);
  EXPECT_GE(took_us, 2'000'000);
  EXPECT_LE(took_us, 3'000'000);
  EXPECT_EQ(save.op.chunks_saved, 0u);
  EXPECT_EQ(world.region->held_bytes(), 2 * kBlockBytes);
}

}  // namespace
}  // namespace cairn::test
