// Property: batches, cancels and deadlines of many threads through one wrapper: each comes back once, and closing the
// wrapper brings back everything, at whatever stage it was.
#include "tier/wrapper.h"

#include <thread>

#include "tier/faulty.h"
#include "tier/wrapped_world.h"

namespace cairn::test {
namespace {

TEST(Wrapper, ManyThreadsCancelAndWaitAndEachBatchComesBackOnce) {
  WrappedWorld world;
  FaultyConfig config;
  config.delay = config.hang = config.miss = 0.2;
  config.delay_us = 500;
  FaultyTier tier(world.ram(), config, world.clock);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(t);
      CompletionQueue queue;
      for (int i = 0; i < 60; ++i) {
        Work work(queue, random.below(2) == 0 ? Verb::kPut : Verb::kGet,
                  world.clock.after_us(static_cast<std::int64_t>(random.below(8'000))));
        for (std::uint32_t row = 0; row < 3; ++row) work.add(world.id(row), world.pages(t * 3 + row));
        work.submit(tier);
        if (random.below(3) == 0) tier.cancel(work.batch);
        ASSERT_EQ(wait_for(queue), &work.batch);
        for (const BlockSlot& slot : work.slots) ASSERT_NE(slot.outcome, Outcome::kPending);
        ASSERT_EQ(queue.poll(), nullptr);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Wrapper, ClosingBringsBackWhatHangs) {
  WrappedWorld world;
  CompletionQueue queue;
  Work work(queue, Verb::kGet);
  for (std::uint32_t row = 0; row < 3; ++row) work.add(world.id(row), world.pages(row));
  {
    FaultyTier tier(world.ram(), {}, world.clock);
    tier.force(Fault::kHang, 2);
    work.submit(tier);
  }
  ASSERT_EQ(queue.poll(), &work.batch);
  EXPECT_EQ(work.slots[0].reason, MissReason::kTimeout);
  EXPECT_EQ(work.batch.result().error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace cairn::test
