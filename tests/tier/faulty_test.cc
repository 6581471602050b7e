// Property: each fault shows as its own outcome, none as wrong bytes, and the same seed gives the same faults.
#include "tier/faulty.h"

#include "tier/wrapped_world.h"

namespace cairn::test {
namespace {

class FaultyTest : public testing::Test {
 protected:
  WrappedWorld world;
};

TEST_F(FaultyTest, EveryFaultHasItsOutcome) {
  FaultyTier tier(world.ram(), {}, world.clock);
  const auto get = [&] { return run_one(tier, Verb::kGet, world.id(0), world.pages(1)); };
  ASSERT_EQ(world.put(tier, 0), Outcome::kDone);
  tier.force(Fault::kMiss, 1);
  EXPECT_EQ(get().reason, MissReason::kAbsent);
  tier.force(Fault::kFail, 1);
  EXPECT_EQ(get().outcome, Outcome::kFailed);
  tier.force(Fault::kCorrupt, 1);
  EXPECT_EQ(get().outcome, Outcome::kCorrupt);
  EXPECT_FALSE(world.filled_with(1, 1)) << "what was called corrupt must not be usable by mistake";
  tier.force(Fault::kDelay, 1);
  EXPECT_EQ(get().outcome, Outcome::kDone);
  EXPECT_TRUE(world.filled_with(1, 1));
  tier.force(Fault::kVanish, 1);
  EXPECT_EQ(get().reason, MissReason::kVanished);
  EXPECT_EQ(get().reason, MissReason::kAbsent);
  tier.force(Fault::kRefuse, 1);
  EXPECT_EQ(world.put(tier, 0), Outcome::kRefused);
  EXPECT_EQ(run(tier, Verb::kContains, world.id(0)), Outcome::kMiss);
}

TEST_F(FaultyTest, AHangLastsUntilDeadlineOrCancel) {
  FaultyTier tier(world.ram(), {}, world.clock);
  ASSERT_EQ(world.put(tier, 0), Outcome::kDone);
  for (const bool by_cancel : {false, true}) {
    tier.force(Fault::kHang, 1);
    CompletionQueue queue;
    Work work(queue, Verb::kGet, by_cancel ? Deadline::never() : world.clock.after_us(20'000));
    work.add(world.id(0), world.pages(1));
    work.submit(tier);
    EXPECT_EQ(queue.wait_us(5'000), nullptr);
    if (by_cancel) tier.cancel(work.batch);
    ASSERT_EQ(wait_for(queue), &work.batch);
    EXPECT_EQ(work.slots[0].outcome, Outcome::kFailed);
    EXPECT_EQ(work.batch.result().error().code, by_cancel ? ErrorCode::kCancelled : ErrorCode::kTimeout);
  }
}

TEST_F(FaultyTest, TheSeedDecidesTheFaults) {
  const auto outcomes = [&](std::uint64_t seed) {
    FaultyConfig config;
    config.seed = seed;
    config.miss = 0.3;
    config.fail = 0.2;
    FaultyTier tier(world.ram(), config, world.clock);
    while (world.put(tier, 0) != Outcome::kDone) {
    }
    std::vector<Outcome> found;
    for (int i = 0; i < 40; ++i) found.push_back(run(tier, Verb::kGet, world.id(0), world.pages(1)));
    return found;
  };
  EXPECT_EQ(outcomes(5), outcomes(5));
  EXPECT_NE(outcomes(5), outcomes(6));
}

}  // namespace
}  // namespace cairn::test
