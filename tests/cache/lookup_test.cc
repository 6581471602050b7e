// A lookup finds the longest stored prefix over all tiers, leases it, and says why the rest was not found; in time.
#include <gtest/gtest.h>

#include "cache/cache_world.h"
#include "cache/lease.h"
#include "tier/fault_calls.h"
#include "tier/file_world.h"
#include "tier/stat_rounds.h"

namespace cairn::test {
namespace {

const FakeTier::Options kRam{.name = "ram", .lends = true};
const FakeTier::Options kFile{.name = "file"};

TEST(Lookup, CombinesTiersChunkByChunkEachFromTheFastest) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 10);
  world.plant(0, std::span(chunks).subspan(2, 3));
  world.plant(1, std::span(chunks).first(8));
  const PrefixLease lease = world.find(chunks);
  EXPECT_EQ(lease.chunks(), 8u);
  EXPECT_EQ(world.tally.tier[0], 3u);
  EXPECT_EQ(world.tally.tier[1], 5u);
  EXPECT_EQ(world.missed(MissReason::kAbsent), 2u);
}

TEST(Lookup, WithAllInTheNearTierAsksNoOther) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 10);
  world.plant(0, chunks);
  EXPECT_EQ(world.find(chunks).chunks(), 10u);
  EXPECT_EQ(world.fakes[1]->rows_asked, 0u);
}

TEST(Lookup, CountsAChunkOnlyWithAllItsShards) {
  CacheWorld world({kRam, kFile}, {}, 2);
  const auto chunks = chunks_of(1, 6);
  world.plant(1, chunks);
  world.fakes[1]->erase({chunks[4], 1});
  EXPECT_EQ(world.find(chunks).chunks(), 4u);
}

TEST(Lookup, Of512ChunksTakesTwoRoundTripsPerTier) {
  CacheWorld world({{.name = "slow", .latency_us = 20'000}});
  const auto chunks = chunks_of(1, 512);
  world.plant(0, std::span(chunks).first(333));
  Lookup op(world.queue);
  op.chunks = chunks;
  world.cache->lookup(op);
  EXPECT_LE(world.until_back(op), 2 * 20'000 + 1000);
  EXPECT_EQ(op.found.chunks(), 333u);
  EXPECT_LE(world.fakes[0]->rows_asked, 64u);
}

// The same on a real store with the product's threads: were every stat to take 20 ms, the lookup would take so many
// rounds of 20 ms, at most 80 ms.
TEST(Lookup, Of512ChunksInADirectoryWithSlowStatsTakesAtMostEightyMilliseconds) {
  FileWorld world(tiny_store());
  FaultCalls faults;
  world.calls = &faults;
  SystemClock clock;
  const auto metrics = make_metrics();
  StatRounds rounds;
  std::vector<std::unique_ptr<Tier>> tiers;
  std::unique_ptr<FileTier> store = world.open();
  store->wait_for_scan();  // its stats are nobody's lookup
  tiers.push_back(std::make_unique<CountedLookups>(std::move(store), rounds));
  const std::uint64_t file_bytes = world.block_bytes + 4096;
  KeyChain chain(store_root(world.identity), {}, world.identity.layout.chunk_tokens);
  chain.append(std::vector<TokenId>(512 * world.identity.layout.chunk_tokens, 7));
  const auto chunks = chain.complete();
  ASSERT_EQ(chunks.size(), 512u);
  for (std::size_t c = 0; c < 333; ++c) {  // a lookup sees names and lengths
    const std::filesystem::path name = world.file_of({chunks[c], 0});
    std::filesystem::create_directories(name.parent_path());
    std::ofstream(name).flush();
    std::filesystem::resize_file(name, file_bytes);
  }
  faults.on_stat = [&] { return rounds.stat(), 0; };
  CacheConfig config;
  config.load_stall_ms = 60'000;  // a busy machine must not end the lookup
  const auto cache =
      std::move(TieredCache::open(config, std::move(tiers), {0}, {world.block_bytes}, {clock, *metrics, null_log()}))
          .value();
  {
    const CacheThread driver(*cache);
    for (const std::size_t length : {512u, 511u, 510u}) {  // each asks anew what the index does not know
      CompletionQueue queue;
      Lookup op(queue);
      op.chunks = chunks.first(length);
      const std::int64_t rounds_before = rounds.rounds();
      cache->lookup(op);
      ASSERT_EQ(wait_for(queue), &op);
      constexpr std::int64_t kStatUs = 20'000;
      EXPECT_GE((rounds.rounds() - rounds_before) * kStatUs, 20'000);
      EXPECT_LE((rounds.rounds() - rounds_before) * kStatUs, 80'000);
      EXPECT_EQ(op.found.chunks(), 333u);
    }
    EXPECT_FALSE(rounds.late());
    EXPECT_LE(rounds.stats(), 3 * 64);
    EXPECT_TRUE(cache->drain(clock.after_us(5'000'000)));
  }
}

TEST(Lookup, OfWhatIsKnownAsksNothing) {
  CacheWorld world({kFile});
  const auto chunks = chunks_of(1, 30);
  world.plant(0, chunks);
  EXPECT_EQ(world.find(chunks).chunks(), 30u);
  const auto asked = world.fakes[0]->rows_asked;
  EXPECT_EQ(world.find(chunks).chunks(), 30u);
  EXPECT_EQ(world.fakes[0]->rows_asked, asked);
  world.clock.advance_us(61'000'000);  // others may have evicted
  EXPECT_EQ(world.find(chunks).chunks(), 30u);
  EXPECT_GT(world.fakes[0]->rows_asked, asked);
}

TEST(Lookup, ReturnsWithinItsDeadlineWithWhatIsKnownAndSaysTimeout) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 10);
  world.plant(0, std::span(chunks).first(4));
  world.plant(1, chunks);
  world.fakes[1]->hang_all = true;
  Lookup op(world.queue);
  op.chunks = chunks;
  world.cache->lookup(op);
  EXPECT_LE(world.until_back(op), 200'000);
  EXPECT_EQ(op.found.chunks(), 4u);
  EXPECT_EQ(op.tally.missed[static_cast<std::size_t>(MissReason::kTimeout)], 6u);
}

TEST(Lookup, UnderPolicyNeverAsksNobody) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 3);
  world.plant(0, chunks);
  Lookup op(world.queue);
  op.chunks = chunks;
  op.policy = LoadPolicy::kNever;
  world.cache->lookup(op);
  world.until_back(op);
  EXPECT_EQ(op.found.chunks(), 0u);
  EXPECT_EQ(op.tally.missed[static_cast<std::size_t>(MissReason::kDisabled)], 3u);
  EXPECT_EQ(world.fakes[0]->rows_asked + world.fakes[1]->rows_asked, 0u);
}

TEST(Lookup, PlansByMeasuredSpeedUnlessToldAlways) {
  CacheWorld world({{.name = "drip", .bytes_per_s = 100'000}});  // 82 ms a chunk
  const auto chunks = chunks_of(1, 4);
  world.plant(0, chunks);
  PrefixLease lease = world.find(chunks, 1e6);  // 0.26 ms a chunk to compute
  EXPECT_EQ(lease.chunks(), 4u) << "a tier not yet measured is loaded";
  const auto memory = world.memory(0, 1);
  Load load(world.queue);
  load.lease = std::move(lease);
  load.into = memory.scatters;
  world.cache->load(load);
  world.until_back(load);
  EXPECT_EQ(load.chunks_loaded, 1u);
  EXPECT_EQ(world.find(chunks, 1e6).chunks(), 0u);
  EXPECT_EQ(world.missed(MissReason::kSlower), 4u);
  Lookup again(world.queue);
  again.chunks = chunks;
  again.prefill_tokens_per_s = 1e6;
  world.cache->lookup(again);
  world.until_back(again);
  const std::uint64_t tokens = std::uint64_t{4} * chunks.front().tokens;
  EXPECT_EQ(again.forecast.found_tokens, tokens);
  EXPECT_EQ(again.forecast.planned_tokens, 0u);
  EXPECT_DOUBLE_EQ(again.forecast.compute_s, static_cast<double>(tokens) / 1e6) << "of all that was found";
  EXPECT_GT(again.forecast.load_s, again.forecast.compute_s);
  EXPECT_EQ(world.find(chunks, 100).chunks(), 4u);
  Lookup op(world.queue);
  op.chunks = chunks;
  op.prefill_tokens_per_s = 1e6;
  op.policy = LoadPolicy::kAlways;
  world.cache->lookup(op);
  world.until_back(op);
  EXPECT_EQ(op.found.chunks(), 4u);
}

}  // namespace
}  // namespace cairn::test
