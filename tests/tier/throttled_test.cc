// Property: bytes leave no faster than the rate, in both directions apart; progress is paced; nothing blocks the
// caller.
#include "tier/throttled.h"

#include "tier/wrapped_world.h"

namespace cairn::test {
namespace {

class ThrottledTest : public testing::Test {
 protected:
  std::int64_t time_of(Tier& tier, Verb verb, std::uint32_t blocks) {
    CompletionQueue queue;
    Work work(queue, verb);
    for (std::uint32_t n = 0; n < blocks; ++n) {
      world.fill(n, n + 1);
      work.add(world.id(n), world.pages(n));
    }
    const std::int64_t before = world.clock.now_us();
    work.submit(tier);
    submit_us = world.clock.now_us() - before;
    CAIRN_CHECK(wait_for(queue) == &work.batch, "must come back");
    for (const BlockSlot& slot : work.slots) EXPECT_EQ(slot.outcome, Outcome::kDone);
    EXPECT_EQ(work.batch.segments_done.load(), 2u * blocks);
    return world.clock.now_us() - before;
  }
  WrappedWorld world;
  std::int64_t submit_us = 0;
};

TEST_F(ThrottledTest, HoldsItsRatesAndItsLatency) {
  ThrottledConfig config;
  config.read_bytes_per_s = 50'000'000;    // a block in 27.6 ms
  config.write_bytes_per_s = 100'000'000;  // in 13.8 ms
  config.latency_us = 4'000;
  ThrottledTier tier(world.ram(), config, world.clock);
  const auto wanted_us = [&](double rate) {
    return static_cast<std::int64_t>(4 * static_cast<double>(world.block_bytes) / rate * 1e6) + 4'000;
  };
  const std::int64_t put_us = time_of(tier, Verb::kPut, 4);
  EXPECT_GE(put_us, wanted_us(100e6) * 8 / 10);
  EXPECT_LT(put_us, wanted_us(100e6) * 3);
  EXPECT_LT(submit_us, put_us / 2) << "submit does not wait";
  const std::int64_t get_us = time_of(tier, Verb::kGet, 4);
  EXPECT_GE(get_us, wanted_us(50e6) * 8 / 10);
  EXPECT_LT(get_us, wanted_us(50e6) * 3);
  const std::int64_t before = world.clock.now_us();
  EXPECT_EQ(run(tier, Verb::kContains, world.id(0)), Outcome::kDone);
  EXPECT_GE(world.clock.now_us() - before, 4'000);
}

TEST_F(ThrottledTest, ADeadlineEndsWhatIsStillWaitingAndFreesTheLine) {
  ThrottledConfig config;
  config.read_bytes_per_s = 40'000'000;
  ThrottledTier tier(world.ram(), config, world.clock);
  for (std::uint32_t n = 0; n < 6; ++n) ASSERT_EQ(world.put(tier, n), Outcome::kDone);
  CompletionQueue queue;
  Work work(queue, Verb::kGet, world.clock.after_us(80'000));  // two blocks' time
  for (std::uint32_t n = 0; n < 6; ++n) work.add(world.id(n), world.pages(n + 1));
  work.submit(tier);
  ASSERT_EQ(wait_for(queue), &work.batch);
  std::uint32_t done = 0;
  for (const BlockSlot& slot : work.slots) done += slot.outcome == Outcome::kDone ? 1 : 0;
  EXPECT_LE(done, 3u);
  EXPECT_EQ(work.slots[5].reason, MissReason::kTimeout);
  const std::int64_t before = world.clock.now_us();
  EXPECT_EQ(run(tier, Verb::kGet, world.id(5), world.pages(1)), Outcome::kDone);
  EXPECT_LT(world.clock.now_us() - before, 150'000) << "the rows that never ran do not hold up the next";
}

}  // namespace
}  // namespace cairn::test
