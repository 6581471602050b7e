// A chunk that two requests want is read from its tier once; whoever waits gets the same bytes, or tries by itself.
#include <gtest/gtest.h>

#include "cache/cache_world.h"
#include "cache/lease.h"
#include "cache/load_job.h"

namespace cairn::test {
namespace {

const FakeTier::Options kRam{.name = "ram", .lends = true};
const FakeTier::Options kFile{.name = "file", .latency_us = 1000, .bytes_per_s = 8'192'000};

struct Pair {
  Pair(CacheWorld& world, std::span<const ChunkId> chunks)
      : one_memory(world.memory(0, chunks.size())),
        two_memory(world.memory(100, chunks.size())),
        one(world.queue),
        two(world.queue) {
    one.lease = world.find(chunks);
    two.lease = world.find(chunks);
    one.into = one_memory.scatters;
    two.into = two_memory.scatters;
  }
  CacheWorld::Memory one_memory, two_memory;
  Load one, two;
};

int most_gets(const FakeTier& tier) {
  int most = 0;
  for (const auto& [id, count] : tier.gets) most = std::max(most, count);
  return most;
}

void both(CacheWorld& world, Pair& pair) {
  world.cache->load(pair.one);
  world.cache->load(pair.two);
  world.until_back(pair.one);
  world.until_back(pair.two);
}

TEST(LoadShare, TwoLoadsOfOnePrefixReadEachBlockOnceAndTheSecondGetsItFromTheNearTier) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 20);
  world.plant(1, chunks);
  Pair pair(world, chunks);
  both(world, pair);
  EXPECT_EQ(pair.one.chunks_loaded, 20u);
  EXPECT_EQ(pair.two.chunks_loaded, 20u);
  EXPECT_EQ(world.right_chunks(pair.one_memory, chunks), 20u);
  EXPECT_EQ(world.right_chunks(pair.two_memory, chunks), 20u);
  EXPECT_EQ(most_gets(*world.fakes[1]), 1);
  EXPECT_EQ(pair.two.tally.tier[0], 20u);
}

TEST(LoadShare, WithoutANearTierTheSecondGetsACopy) {
  CacheWorld world({kFile}, {}, 2);
  const auto chunks = chunks_of(1, 20);
  world.plant(0, chunks);
  Pair pair(world, chunks);
  both(world, pair);
  EXPECT_EQ(world.right_chunks(pair.two_memory, chunks), 20u);
  EXPECT_EQ(pair.two.chunks_loaded, 20u);
  EXPECT_EQ(most_gets(*world.fakes[0]), 1);
  EXPECT_EQ(world.counter("cairn_cache_shared_loads_total"), 20);
}

TEST(LoadShare, WhenTheNearTierRefusesTheSecondGetsACopy) {
  CacheWorld world({kRam, kFile});
  world.fakes[0]->faults.refuse = 1;
  const auto chunks = chunks_of(1, 5);
  world.plant(1, chunks);
  Pair pair(world, chunks);
  both(world, pair);
  EXPECT_EQ(world.right_chunks(pair.two_memory, chunks), 5u);
  EXPECT_EQ(most_gets(*world.fakes[1]), 1);
}

TEST(LoadShare, WhenTheFirstIsCancelledTheSecondLoadsItself) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 20);
  world.plant(0, chunks);
  Pair pair(world, chunks);
  world.cache->load(pair.one);
  world.cache->load(pair.two);
  world.run(5000);
  world.cache->cancel(pair.one);
  world.until_back(pair.one);
  EXPECT_EQ(pair.one.result().error().code, ErrorCode::kCancelled);
  world.until_back(pair.two);
  EXPECT_EQ(pair.two.chunks_loaded, 20u);
  EXPECT_EQ(world.right_chunks(pair.two_memory, chunks), 20u);
}

TEST(LoadShare, APromotionThatHangsDoesNotKeepTheRequest) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 3);
  world.plant(1, chunks);
  Pair pair(world, chunks);
  world.fakes[0]->hang_all = true;
  both(world, pair);
  EXPECT_EQ(pair.one.chunks_loaded, 3u);
  EXPECT_EQ(pair.two.chunks_loaded, 3u);
  EXPECT_EQ(world.right_chunks(pair.two_memory, chunks), 3u);
}

// Equal keys of different chunks (a broken digest) must not exchange bytes: each load asks the tier, which compares
// all.
TEST(LoadShare, OnlyTheSameChunkIsShared) {
  CacheWorld world({kFile});
  auto mine = chunks_of(1, 4), theirs = mine;
  for (ChunkId& chunk : theirs) chunk.token_digest.bytes[0] ^= 1;
  world.plant(0, mine);
  const auto one_memory = world.memory(0, 4), two_memory = world.memory(100, 4);
  Load one(world.queue), two(world.queue);
  one.lease = world.find(mine);
  two.lease = world.find(mine);
  for (std::size_t c = 0; c < 4; ++c) two.lease.state()->chunks[c] = theirs[c];
  one.into = one_memory.scatters;
  two.into = two_memory.scatters;
  world.cache->load(one);
  world.cache->load(two);
  world.until_back(one);
  world.until_back(two);
  EXPECT_EQ(one.chunks_loaded, 4u);
  EXPECT_EQ(two.chunks_loaded, 0u);
}

TEST(LoadShare, CopiesBetweenPiecesOfAnySize) {
  std::vector<std::byte> from(100), to(100);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i);
  const auto cut = [](std::vector<std::byte>& bytes, std::initializer_list<std::size_t> sizes) {
    std::vector<MemoryRef> pieces;
    std::size_t at = 0;
    for (const std::size_t size : sizes) {
      pieces.push_back({bytes.data() + at, size, nullptr, MemoryKind::kHost, 0});
      at += size;
    }
    return pieces;
  };
  EXPECT_TRUE(copy_block(cut(from, {7, 50, 43}), cut(to, {33, 1, 66})));
  EXPECT_EQ(from, to);
  auto device = cut(to, {100});
  device[0].kind = MemoryKind::kDevice;
  EXPECT_FALSE(copy_block(cut(from, {100}), device));
}

}  // namespace
}  // namespace cairn::test
