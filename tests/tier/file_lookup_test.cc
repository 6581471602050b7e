// Property: lookups run side by side, so that a slow mount costs one round, and name only whole blocks of this store.

#include "tier/fault_calls.h"
#include "tier/file_tier.h"
#include "tier/file_world.h"
#include "tier/stat_rounds.h"

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
  tier->wait_for_scan();
  StatRounds rounds;
  faults.on_stat = [&] { return rounds.stat(), 0; };
  CompletionQueue queue;
  for (int round = 1; round <= 3; ++round) {
    Work work(queue, Verb::kContains);
    for (std::uint32_t n = 0; n < 32; ++n) work.add(world.id(n % 16));
    rounds.expect(32);
    work.submit(*tier);
    ASSERT_EQ(wait_for(queue), &work.batch);
    for (std::uint32_t n = 0; n < 32; ++n) EXPECT_EQ(work.slots[n].outcome == Outcome::kDone, n % 16 < 4) << n;
    EXPECT_EQ(rounds.rounds(), round);
    ASSERT_FALSE(rounds.late());
  }
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
