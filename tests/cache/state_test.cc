// What every batch tells, whoever asked: rates, breakers, what is known to be where; and what is given up stays held.
#include "cache/state.h"

#include <gtest/gtest.h>

#include "cache/fake_tier.h"

namespace cairn::test {
namespace {

struct StateWorld {
  explicit StateWorld(FakeTier::Options options) : metrics(make_metrics()) {
    std::vector<std::unique_ptr<Tier>> tiers;
    auto made = std::make_unique<FakeTier>(clock, std::move(options));
    fake = made.get();
    tiers.push_back(std::move(made));
    clock.advance_us(1'000'000);
    state = std::make_unique<CacheState>(CacheConfig{}, std::move(tiers), std::vector<std::uint32_t>{0},
                                         std::vector<std::uint64_t>{4096}, CacheDeps{clock, *metrics, null_log()});
    MemoryRegion::Options memory;
    memory.bytes = 1 << 20;
    memory.huge_pages = memory.touch = false;
    region = std::move(MemoryRegion::make(memory)).value();
    page = {region->data(), 4096, region.get(), MemoryKind::kHost, 0};
  }
  Work& submit(Verb verb, const KvBlockId& id) {
    state->now_us = clock.now_us();
    auto work = state->make(verb, 0);
    work->add(id, verb == Verb::kGet || verb == Verb::kPut ? Scatter(&page, 1) : Scatter(), 0);
    return state->submit(std::move(work), nullptr, Deadline::never());
  }
  void pass(std::int64_t for_us) {
    clock.advance_us(for_us);
    fake->pump();
    state->now_us = clock.now_us();
    while (Operation* op = state->done.poll()) state->collect(*op);
  }
  VirtualClock clock;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<MemoryRegion> region;
  MemoryRef page;
  FakeTier* fake = nullptr;
  std::unique_ptr<CacheState> state;
};

const KvBlockId kBlock{chunk_of(1, 0), 0};

TEST(CacheState, LearnsFromAnswersWhereBlocksAre) {
  StateWorld world({});
  world.submit(Verb::kContains, kBlock);
  world.pass(1000);
  EXPECT_EQ(world.state->index.where(key_of(kBlock), world.state->now_us), 0);
  world.fake->plant(kBlock, 4096);
  world.submit(Verb::kGet, kBlock);
  world.pass(1000);
  EXPECT_EQ(world.state->index.where(key_of(kBlock), world.state->now_us), tier_bit(0));
  world.fake->erase(kBlock);
  world.submit(Verb::kGet, kBlock);
  world.pass(1000);
  EXPECT_EQ(world.state->index.where(key_of(kBlock), world.state->now_us), 0);
}

TEST(CacheState, MeasuresBandwidthOfWhatWasRead) {
  StateWorld world({.latency_us = 0, .bytes_per_s = 4'096'000});  // 1 ms a block
  world.fake->plant(kBlock, 4096);
  EXPECT_FALSE(world.state->tiers[0].rate.measured().measured());
  for (int i = 0; i < 20; ++i) {
    world.submit(Verb::kGet, kBlock);
    world.pass(1000);
  }
  EXPECT_NEAR(world.state->tiers[0].rate.measured().bytes_per_s, 4'096'000, 50'000);
  EXPECT_EQ(world.state->inflight_bytes, 0u);
  EXPECT_EQ(world.state->tiers[0].reading_bytes, 0u);
}

TEST(CacheState, ErrorsOpenTheBreakerButCancelledOnesDoNot) {
  StateWorld world({});
  world.fake->hang_all = true;
  for (int i = 0; i < 10; ++i) world.state->cancel(world.submit(Verb::kGet, kBlock));
  world.pass(1000);
  EXPECT_TRUE(world.state->allows(0));
  world.fake->hang_all = false;
  world.fake->faults.fail = 1;
  for (int i = 0; i < 5; ++i) world.submit(Verb::kGet, kBlock);
  world.pass(1'000'000);
  EXPECT_FALSE(world.state->allows(0));
}

TEST(CacheState, AnOpenBreakerAsksOneQuestionInTheBackgroundAndClosesOnItsAnswer) {
  StateWorld world({});
  world.submit(Verb::kContains, kBlock);
  world.pass(1000);
  for (int i = 0; i < 5; ++i) world.state->bad(0, Breaker::Kind::kProbe);
  const Deadline next = world.state->probe_breakers();
  EXPECT_EQ(next.at_us, world.clock.now_us() + 5'000'000);
  world.pass(5'000'000);
  const auto asked = world.fake->rows_asked;
  world.state->probe_breakers();
  world.state->probe_breakers();
  EXPECT_EQ(world.fake->rows_asked, asked + 1);
  EXPECT_FALSE(world.state->allows(0));
  world.pass(1000);
  EXPECT_TRUE(world.state->allows(0));
}

TEST(CacheState, MemoryOfAnAbandonedBatchIsHeldUntilItComesBack) {
  StateWorld world({});
  world.fake->hang_all = world.fake->deaf_all = true;
  Work& work = world.submit(Verb::kGet, kBlock);
  EXPECT_TRUE(world.state->abandonable(work));
  world.state->abandon(work);
  EXPECT_TRUE(world.region->held(0, 4096));
  world.pass(1'000'000);
  EXPECT_TRUE(world.region->held(0, 4096));
  world.fake->release_hanging();
  world.pass(1);
  EXPECT_FALSE(world.region->held(0, 4096));
}

TEST(CacheState, TheStallWindowIsAtLeastTheConfiguredTimeAndTwoSegments) {
  StateWorld world({});
  EXPECT_EQ(world.state->stall_window_us(0), 200'000);
  world.state->tiers[0].rate.observe_bytes(4096, 1'000'000, world.state->now_us);
  EXPECT_NEAR(static_cast<double>(world.state->stall_window_us(0)), 2'000'000, 1000);
}

}  // namespace
}  // namespace cairn::test
