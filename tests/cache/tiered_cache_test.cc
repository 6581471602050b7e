// Every operation comes back exactly once: on success, cancellation and drain; and drain says what it had to drop.
#include "cache/tiered_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "cache/cache_world.h"
#include "tier/ram_tier.h"

namespace cairn::test {
namespace {

const FakeTier::Options kRam{.name = "ram", .lends = true};
const FakeTier::Options kFile{.name = "file", .latency_us = 1000, .bytes_per_s = 8'192'000};

TEST(TieredCache, RefusesWhatCannotWork) {
  VirtualClock clock;
  const auto metrics = make_metrics();
  const CacheDeps deps{clock, *metrics, null_log()};
  CacheConfig broken;
  broken.load_stall_ms = 0;
  EXPECT_FALSE(TieredCache::open(broken, {}, {0}, {4096}, deps));
  EXPECT_FALSE(TieredCache::open({}, {}, {}, {}, deps));
  EXPECT_FALSE(TieredCache::open({}, {}, {0, 1}, {4096}, deps));
  EXPECT_FALSE(TieredCache::open({}, {}, {0}, {0}, deps));
}

TEST(TieredCache, WithoutTiersIsDisabledAndSaysSo) {
  CacheWorld world({});
  const auto chunks = chunks_of(1, 3);
  EXPECT_EQ(world.find(chunks).chunks(), 0u);
  EXPECT_EQ(world.missed(MissReason::kDisabled), 3u);
}

TEST(TieredCache, CancelBringsEachKindOfOperationBackOnce) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 4);
  world.plant(0, std::span(chunks).first(2));
  PrefixLease lease = world.find(chunks);
  world.fakes[0]->hang_all = true;
  const auto others = chunks_of(2, 4);
  const auto memory = world.memory(0, 8);
  Lookup lookup(world.queue);
  lookup.chunks = others;
  Load load(world.queue);
  load.lease = std::move(lease);
  load.into = std::span(memory.scatters).first(2);
  Save save(world.queue);
  save.chunks = others;
  save.from = std::span(memory.scatters).subspan(4, 4);
  world.cache->lookup(lookup);
  world.cache->load(load);
  world.cache->save(save);
  world.settle();
  world.returned = 0;
  for (Operation* op :
       {static_cast<Operation*>(&lookup), static_cast<Operation*>(&load), static_cast<Operation*>(&save)}) {
    world.cache->cancel(*op);
    EXPECT_LE(world.until_back(*op), 20'000);
    ASSERT_FALSE(op->result());
    EXPECT_EQ(op->result().error().code, ErrorCode::kCancelled);
    world.cache->cancel(*op);  // too late: nothing happens
  }
  world.run(1'000'000);
  world.take_back();
  EXPECT_EQ(world.returned, 3);
  EXPECT_EQ(load.chunks_loaded, 0u);
  EXPECT_EQ(save.chunks_saved, 0u);
}

TEST(TieredCache, RefusesNewOperationsAfterDrain) {
  CacheWorld world({kRam});
  EXPECT_TRUE(world.cache->drain({world.clock.now_us()}));
  const auto chunks = chunks_of(1, 2);
  Lookup op(world.queue);
  op.chunks = chunks;
  world.cache->lookup(op);
  EXPECT_EQ(world.until_back(op), 0);
  EXPECT_EQ(op.result().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(op.tally.missed[static_cast<std::size_t>(MissReason::kBusy)], 2u);
}

TEST(TieredCache, DrainWithoutTimeDropsPendingStoresAndSaysSo) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 40);
  const auto memory = world.memory(0, 40);
  Save op(world.queue);
  op.chunks = chunks;
  op.from = memory.scatters;
  world.cache->save(op);
  world.until_back(op);
  EXPECT_EQ(op.chunks_saved, 40u);
  // The cancelled puts come back when the tier is pumped; drain's own rounds do not pump fake tiers.
  EXPECT_FALSE(world.cache->drain({world.clock.now_us()}));
  world.run(1'000'000);
  EXPECT_EQ(world.fakes[1]->blocks(), 0u);
  EXPECT_EQ(world.fakes[0]->lent(), 0u);
  EXPECT_GE(world.counter("cairn_cache_write_through_dropped_blocks_total"), 36);
}

// The product's arrangement: real RAM tiers with their own threads, the cache's thread, callers of their own.
TEST(TieredCache, ServesManyThreadsThroughRealTiers) {
  constexpr std::size_t kThreads = 4, kRounds = 40, kChunks = 6;
  const SystemClock clock;
  const auto metrics = make_metrics();
  std::vector<std::unique_ptr<Tier>> tiers;
  for (const std::uint64_t blocks : {12u, 400u}) {
    RamTierConfig config;
    config.capacity_bytes = blocks * kBlockBytes;
    config.huge_pages = false;
    tiers.push_back(std::move(RamTier::open(config, kBlockBytes, {clock, null_log()})).value());
  }
  SystemClock deps_clock;
  const auto cache =
      std::move(TieredCache::open({}, std::move(tiers), {0}, {kBlockBytes}, {deps_clock, *metrics, null_log()}))
          .value();
  std::atomic<std::size_t> loaded{0}, wrong{0};
  {
    const CacheThread driver(*cache);
    const auto work = [&](std::uint64_t number) {
      MemoryRegion::Options options;
      options.bytes = kChunks * kBlockBytes;
      options.huge_pages = options.touch = false;
      const auto region = std::move(MemoryRegion::make(options)).value();
      std::vector<MemoryRef> pieces;
      for (std::size_t c = 0; c < kChunks; ++c) {
        pieces.push_back({region->data() + c * kBlockBytes, kBlockBytes, region.get(), MemoryKind::kHost, 0});
      }
      std::vector<Scatter> scatters;
      for (const MemoryRef& piece : pieces) scatters.emplace_back(&piece, 1);
      CompletionQueue queue;
      const auto wait = [&] {
        while (queue.wait_us(1'000'000) == nullptr) {
        }
      };
      for (std::size_t round = 0; round < kRounds; ++round) {
        const auto chunks = chunks_of(1 + (number + round) % 5, kChunks);
        Lookup lookup(queue);
        lookup.chunks = chunks;
        cache->lookup(lookup);
        wait();
        Load load(queue);
        load.into = std::span(scatters).first(lookup.found.chunks());
        load.lease = std::move(lookup.found);
        cache->load(load);
        wait();
        loaded += load.chunks_loaded;
        for (std::size_t c = 0; c < load.chunks_loaded; ++c) {
          if (gather(scatters[c]) != bytes_of({chunks[c], 0}, kBlockBytes)) ++wrong;
        }
        for (std::size_t c = 0; c < kChunks; ++c) scatter(bytes_of({chunks[c], 0}, kBlockBytes), scatters[c]);
        Save save(queue);
        save.chunks = chunks;
        save.from = scatters;
        cache->save(save);
        if (round % 8 == 7) cache->cancel(save);
        wait();
      }
    };
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(cache->drain(deps_clock.after_us(20'000'000)));
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(loaded, kThreads * kRounds * kChunks / 2);
}

}  // namespace
}  // namespace cairn::test
