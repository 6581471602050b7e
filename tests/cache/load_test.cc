// A load fills exactly the leading chunks that it claims, with the right bytes, and ends in time whatever tiers do.
#include <gtest/gtest.h>

#include "cache/cache_world.h"
#include "cache/lease.h"

namespace cairn::test {
namespace {

const FakeTier::Options kRam{.name = "ram", .lends = true};
const FakeTier::Options kFile{.name = "file", .latency_us = 1000, .bytes_per_s = 8'192'000};  // 1 ms a block
const FakeTier::Options kBucket{.name = "s3", .latency_us = 5000, .bytes_per_s = 8'192'000};

struct Loading {
  Loading(CacheWorld& world, std::span<const ChunkId> chunks, PrefixLease lease, std::size_t first_block = 0,
          double prefill = 0)
      : memory(world.memory(first_block, chunks.size())), op(world.queue) {
    op.lease = std::move(lease);
    op.into = memory.scatters;
    op.prefill_tokens_per_s = prefill;
    world.cache->load(op);
  }
  std::uint32_t missed(MissReason reason) const { return op.tally.missed[static_cast<std::size_t>(reason)]; }
  CacheWorld::Memory memory;
  Load op;
};

TEST(Load, FillsAllChunksFromTheirTiersAndPromotesTheFarOnes) {
  CacheWorld world({kRam, kFile}, {}, 2);
  const auto chunks = chunks_of(1, 12);
  world.plant(0, std::span(chunks).first(3));
  world.plant(1, chunks);
  Loading load(world, chunks, world.find(chunks));
  world.until_back(load.op);
  EXPECT_EQ(load.op.chunks_loaded, 12u);
  EXPECT_EQ(world.right_chunks(load.memory, chunks), 12u);
  EXPECT_EQ(load.op.tally.tier[0], 3u);
  EXPECT_EQ(load.op.tally.tier[1], 9u);
  EXPECT_EQ(world.counter("cairn_cache_hit_chunks_total", {{"tier", "file"}}), 9);
  for (const ChunkId& chunk : chunks) EXPECT_TRUE(world.fakes[0]->has({chunk, 1}));
}

TEST(Load, BeginsAtTheFirstWantedChunk) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 6);
  world.plant(0, chunks);
  const auto memory = world.memory(0, 3);
  Load op(world.queue);
  op.lease = world.find(chunks);
  op.first_chunk = 2;
  op.into = memory.scatters;
  world.cache->load(op);
  world.until_back(op);
  EXPECT_EQ(op.chunks_loaded, 3u);
  EXPECT_EQ(world.right_chunks(memory, std::span(chunks).subspan(2, 3)), 3u);
}

TEST(Load, StopsExactlyAtABlockThatVanished) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 9);
  world.plant(0, chunks);
  PrefixLease lease = world.find(chunks);
  world.fakes[0]->erase({chunks[5], 0});
  Loading load(world, chunks, std::move(lease));
  world.until_back(load.op);
  EXPECT_EQ(load.op.chunks_loaded, 5u);
  EXPECT_EQ(load.missed(MissReason::kVanished), 4u);
  EXPECT_EQ(world.right_chunks(load.memory, std::span(chunks).first(5)), 5u);
  EXPECT_EQ(world.find(chunks).chunks(), 5u) << "the index forgot it";
}

TEST(Load, TakesABlockFromTheNextTierThatHasItWhenOneIsCorruptOrMisses) {
  CacheWorld world({kFile, kBucket});
  const auto chunks = chunks_of(1, 6);
  world.plant(0, chunks);
  world.plant(1, chunks);
  world.fakes[0]->faults.corrupt = 1;
  // The faster tier answers for all, so the other is known only by an earlier search of its own.
  world.fakes[0]->hang_all = true;
  EXPECT_EQ(world.find(chunks).chunks(), 6u);
  world.fakes[0]->release_hanging();
  world.fakes[0]->hang_all = false;
  world.run(1'000'000);
  PrefixLease lease = world.find(chunks);
  EXPECT_EQ(world.tally.tier[0] + world.tally.tier[1], 6u);
  Loading load(world, chunks, std::move(lease));
  world.until_back(load.op);
  EXPECT_EQ(load.op.chunks_loaded, 6u);
  EXPECT_EQ(world.right_chunks(load.memory, chunks), 6u);
  EXPECT_EQ(load.op.tally.tier[1], 6u);
}

TEST(Load, OfAHangingTierEndsAfterTheStallTimeAndKeepsWhatWasVerified) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 6);
  world.plant(0, std::span(chunks).first(2));
  world.plant(1, chunks);
  PrefixLease lease = world.find(chunks);
  world.fakes[1]->hang_all = true;
  Loading load(world, chunks, std::move(lease));
  const std::int64_t took_us = world.until_back(load.op);
  EXPECT_GE(took_us, 200'000);
  EXPECT_LE(took_us, 200'000 + 10'000);
  EXPECT_EQ(load.op.chunks_loaded, 2u);
  EXPECT_EQ(load.missed(MissReason::kStalled), 4u);
  EXPECT_EQ(world.right_chunks(load.memory, chunks), 2u);
}

// A tier whose first load is given up would stay unmeasured, and so look free, for ever.
TEST(Load, GivenUpAsTooSlowTeachesHowSlowTheTierIs) {
  const FakeTier::Options slow{.name = "slow", .latency_us = 0, .bytes_per_s = 8'192};  // a second a block
  CacheWorld world({slow});
  const auto chunks = chunks_of(1, 4);
  world.plant(0, chunks);
  constexpr double kPrefill = 1024;  // tokens/s: a chunk is computed in a quarter of that
  Loading load(world, chunks, world.find(chunks, kPrefill), 0, kPrefill);
  EXPECT_NE(world.until_back(load.op), -1);
  EXPECT_EQ(load.op.chunks_loaded, 0u);
  world.run(1'000'000);
  EXPECT_EQ(world.find(chunks, kPrefill).chunks(), 0u) << "computing is faster";
  EXPECT_EQ(world.find(chunks, 100).chunks(), 4u) << "for a slower processor it is worth it";
}

TEST(Load, FromATierThatWasSlowIsTriedAgainAfterMinutes) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 4);
  world.plant(0, chunks);
  constexpr double kPrefill = 10'000;
  PrefixLease lease = world.find(chunks, kPrefill);
  world.fakes[0]->hang_all = true;
  Loading load(world, chunks, std::move(lease), 0, kPrefill);
  EXPECT_NE(world.until_back(load.op), -1);
  world.fakes[0]->hang_all = false;
  world.fakes[0]->release_hanging();
  world.run(1'000'000);
  EXPECT_EQ(world.find(chunks, kPrefill).chunks(), 0u);
  for (int minute = 0; minute < 6; ++minute) world.run(60'000'000);
  EXPECT_EQ(world.find(chunks, kPrefill).chunks(), 4u);
}

TEST(Load, LookupAndLoadTogetherAddAtMostTwiceTheStallTime) {
  for (const bool hangs_at_lookup : {false, true}) {
    CacheWorld world({kRam, kFile, kBucket});
    const auto chunks = chunks_of(1, 6);
    world.plant(1, std::span(chunks).first(4));
    world.plant(2, chunks);
    world.fakes[2]->hang_all = hangs_at_lookup;
    const std::int64_t begin_us = world.clock.now_us();
    PrefixLease lease = world.find(chunks);
    world.fakes[1]->hang_all = world.fakes[2]->hang_all = true;
    world.fakes[1]->deaf_all = world.fakes[2]->deaf_all = true;
    const std::size_t found = lease.chunks();
    EXPECT_EQ(found, hangs_at_lookup ? 4u : 6u);
    Loading load(world, std::span(chunks).first(found), std::move(lease));
    EXPECT_NE(world.until_back(load.op), -1);
    EXPECT_LE(world.clock.now_us() - begin_us, 400'000);
  }
}

TEST(Load, WhoseBatchDoesNotComeBackLeavesItsMemoryHeldUntilItDoes) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 2);
  world.plant(0, chunks);
  PrefixLease lease = world.find(chunks);
  world.fakes[0]->hang_all = world.fakes[0]->deaf_all = true;
  Loading load(world, chunks, std::move(lease));
  EXPECT_LE(world.until_back(load.op), 210'000);
  EXPECT_EQ(load.op.chunks_loaded, 0u);
  EXPECT_TRUE(world.region->held(0, 2 * kBlockBytes));
  EXPECT_EQ(world.region->held_bytes(), 2 * kBlockBytes);
  world.fakes[0]->release_hanging();
  world.run(1000);
  EXPECT_EQ(world.region->held_bytes(), 0u);
}

// A tier gave a read up by itself; its call may still write to the pages. The next tier's bytes must not go there.
TEST(Load, NeverReadsIntoMemoryThatACallLeftBehindMayStillWrite) {
  CacheWorld world({kFile, kBucket});
  const auto chunks = chunks_of(1, 6);
  world.plant(0, chunks);
  world.plant(1, chunks);
  PrefixLease lease = world.find(chunks);
  ASSERT_EQ(lease.chunks(), 6u);
  for (TierMask& where : lease.state()->where) where = tier_bit(0) | tier_bit(1);
  world.fakes[0]->faults.abandons = 1;
  Loading load(world, chunks, std::move(lease));
  world.until_back(load.op);
  EXPECT_EQ(world.region->held_bytes(), 6 * kBlockBytes);
  world.fakes[0]->release_hanging();  // the late bytes arrive
  EXPECT_EQ(world.right_chunks(load.memory, std::span(chunks).first(load.op.chunks_loaded)), load.op.chunks_loaded);
  EXPECT_EQ(load.op.chunks_loaded, 0u);
  EXPECT_EQ(load.missed(MissReason::kTimeout), 6u);
}

TEST(Load, WaitingInOurOwnQueueIsNoStall) {
  CacheWorld world({{.name = "file", .latency_us = 0, .bytes_per_s = 54'613}});  // 0.15 s a block, one after the other
  const auto chunks = chunks_of(1, 6), others = chunks_of(2, 2);
  world.plant(0, chunks);
  world.plant(0, others);
  PrefixLease one = world.find(chunks), two = world.find(others);
  Loading first(world, chunks, std::move(one), 0);
  Loading second(world, others, std::move(two), 8);
  world.run(850'000);  // four times the stall time
  EXPECT_TRUE(first.op.under_way());
  EXPECT_TRUE(second.op.under_way()) << "it waits behind the first, which moves";
  world.until_back(second.op);
  EXPECT_EQ(first.op.chunks_loaded, 6u);
  EXPECT_EQ(second.op.chunks_loaded, 2u);
  EXPECT_EQ(world.right_chunks(second.memory, others), 2u);
}

// Whoever waits behind calls that hang must not wait for them one after the other.
TEST(Load, BehindASilentTierEndsAfterOneStallTime) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 2), others = chunks_of(2, 2);
  world.plant(0, chunks);
  world.plant(0, others);
  PrefixLease one = world.find(chunks), two = world.find(others);
  world.fakes[0]->hang_all = world.fakes[0]->deaf_all = true;
  Loading first(world, chunks, std::move(one), 0);
  world.run(1000);
  world.fakes[0]->blocked = true;
  Loading second(world, others, std::move(two), 8);
  const std::int64_t took_us = world.until_back(second.op);
  EXPECT_GE(took_us, 180'000);
  EXPECT_LE(took_us, 235'000);
  EXPECT_EQ(second.missed(MissReason::kStalled), 2u);
}

TEST(Load, AStallTimeShorterThanTwoSegmentsOfASlowTierIsStretched) {
  CacheWorld world({{.name = "slow", .latency_us = 0, .bytes_per_s = 54'613}});  // 0.15 s a block
  const auto chunks = chunks_of(1, 8);
  world.plant(0, chunks);
  PrefixLease lease = world.find(chunks);
  Loading first(world, std::span(chunks).first(1), std::move(lease));
  world.until_back(first.op);
  EXPECT_EQ(first.op.chunks_loaded, 1u);
  PrefixLease again = world.find(chunks);
  world.fakes[0]->hang_all = true;
  Loading second(world, chunks, std::move(again), 20);
  const std::int64_t took_us = world.until_back(second.op);
  EXPECT_GE(took_us, 300'000) << "twice the predicted time of one segment";
  EXPECT_LE(took_us, 330'000);
}

TEST(Load, EndsWhenTheRemainderIsPredictedSlowerThanComputing) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 40);
  world.plant(0, chunks);
  PrefixLease warm = world.find(chunks);
  Loading first(world, std::span(chunks).first(4), std::move(warm));
  world.until_back(first.op);
  PrefixLease lease = world.find(chunks, 100'000);  // computing takes 2.56 ms a chunk, loading 1 ms
  ASSERT_EQ(lease.chunks(), 40u);
  PrefixLease others_lease = world.find(chunks);
  Loading load(world, chunks, std::move(lease), 0, 3'000'000);  // but by now computing takes 0.085 ms
  world.until_back(load.op);
  EXPECT_LT(load.op.chunks_loaded, 40u);
  EXPECT_EQ(load.missed(MissReason::kSlower), 40u - load.op.chunks_loaded);
  EXPECT_EQ(world.right_chunks(load.memory, std::span(chunks).first(load.op.chunks_loaded)), load.op.chunks_loaded);
}

TEST(Load, NeverHasMoreBytesUnderWayThanAllowed) {
  CacheConfig config;
  config.inflight_bytes_max = 5 * kBlockBytes;
  CacheWorld world({kFile}, config);
  const auto chunks = chunks_of(1, 64);
  world.plant(0, chunks);
  Loading load(world, chunks, world.find(chunks));
  while (load.op.under_way()) {
    world.turn();
    EXPECT_LE(world.gauge("cairn_cache_inflight_bytes"), 5.0 * kBlockBytes);
    world.take_back();
    world.clock.advance_us(500);
  }
  EXPECT_EQ(load.op.chunks_loaded, 64u);
}

TEST(Load, OnlyStallsAndErrorsOpenTheBreaker) {
  CacheWorld world({kFile});
  for (std::uint64_t round = 1; round <= 10; ++round) {
    const auto chunks = chunks_of(round, 3);
    world.plant(0, chunks);
    PrefixLease lease = world.find(chunks);
    for (const auto& chunk : chunks) world.fakes[0]->erase({chunk, 0});
    Loading load(world, chunks, std::move(lease));
    world.until_back(load.op);
  }
  EXPECT_EQ(world.gauge("cairn_cache_breaker_state", {{"tier", "file"}}), 0);
  for (std::uint64_t round = 11; round <= 15; ++round) {
    const auto chunks = chunks_of(round, 3);
    world.plant(0, chunks);
    PrefixLease lease = world.find(chunks);
    world.fakes[0]->hang_all = true;
    Loading load(world, chunks, std::move(lease));
    world.until_back(load.op);
    world.fakes[0]->hang_all = false;
  }
  EXPECT_EQ(world.gauge("cairn_cache_breaker_state", {{"tier", "file"}}), 1);
  const auto chunks = chunks_of(16, 3);
  world.plant(0, chunks);
  EXPECT_EQ(world.find(chunks).chunks(), 0u);
  EXPECT_EQ(world.missed(MissReason::kBreakerOpen), 3u);
  world.run(6'000'000);  // one question goes through, in the background
  EXPECT_EQ(world.gauge("cairn_cache_breaker_state", {{"tier", "file"}}), 0);
  EXPECT_EQ(world.find(chunks).chunks(), 3u);
}

}  // namespace
}  // namespace cairn::test
