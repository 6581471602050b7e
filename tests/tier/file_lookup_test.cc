// Property: lookups run side by side, so that a slow mount costs one round, and name only whole blocks of this store.
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tier/fault_calls.h"
#include "tier/file_tier.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class FileLookupTest : public testing::Test {
 protected:
  FileWorld world;
  FaultCalls faults;
};

TEST_F(FileLookupTest, ThirtyTwoLookupsCostOneRoundOfASlowStat) {
  world.calls = &faults;
  auto tier = world.open();
  for (std::uint32_t n = 0; n < 4; ++n) ASSERT_EQ(world.put(*tier, n), Outcome::kDone);
  faults.on_stat = [] { return ::usleep(20'000), 0; };
  CompletionQueue queue;
  std::int64_t best_us = INT64_MAX;
  for (int round = 0; round < 3; ++round) {
    Work work(queue, Verb::kContains);
    for (std::uint32_t n = 0; n < 32; ++n) work.add(world.id(n % 16));
    const std::int64_t before = world.clock.now_us();
    work.submit(*tier);
    ASSERT_EQ(wait_for(queue), &work.batch);
    best_us = std::min(best_us, world.clock.now_us() - before);
    for (std::uint32_t n = 0; n < 32; ++n) EXPECT_EQ(work.slots[n].outcome == Outcome::kDone, n % 16 < 4) << n;
  }
  EXPECT_GE(best_us, 20'000);
  EXPECT_LE(best_us, 40'000);
}

TEST_F(FileLookupTest, ABlockOfAnotherShapeIsForeign) {
  auto tier = world.open();
  KvBlockId other = world.id(0);
  other.shard = 5;
  EXPECT_EQ(run(*tier, Verb::kContains, other), Outcome::kMiss);
  EXPECT_EQ(run(*tier, Verb::kPut, other, world.pages(0)), Outcome::kRefused);
  EXPECT_EQ(run(*tier, Verb::kGet, other, world.pages(0)), Outcome::kMiss);
}

}  // namespace
}  // namespace cairn::test
