// Property: the RAM tier keeps its byte budget, evicts the least recent block that nobody uses, and finds damage in its
// own memory.
#include "tier/ram_tier.h"

#include <gtest/gtest.h>

#include <map>

#include "telemetry/log.h"
#include "tier/tier_world.h"

namespace cairn::test {
namespace {

class RamTierTest : public testing::Test {
 protected:
  std::unique_ptr<RamTier> open(std::uint32_t blocks) {
    RamTierConfig config;
    config.capacity_bytes = world.block_bytes * blocks;
    auto tier = RamTier::open(config, world.block_bytes, {world.clock, null_log()});
    CAIRN_CHECK(tier.has_value(), "must open");
    return std::move(*tier);
  }
  Outcome put(Tier& tier, std::uint32_t n) {
    world.fill(0, n + 1);
    return run(tier, Verb::kPut, world.id(n), world.pages(0));
  }
  TierWorld world;
};

TEST_F(RamTierTest, TheLeastRecentlyUsedBlockMakesRoom) {
  auto tier = open(3);
  for (std::uint32_t n = 0; n < 3; ++n) ASSERT_EQ(put(*tier, n), Outcome::kDone);
  ASSERT_EQ(run(*tier, Verb::kGet, world.id(0), world.pages(1)), Outcome::kDone);
  ASSERT_EQ(put(*tier, 3), Outcome::kDone);
  EXPECT_EQ(run(*tier, Verb::kContains, world.id(0)), Outcome::kDone);
  EXPECT_EQ(run(*tier, Verb::kContains, world.id(1)), Outcome::kMiss);
  EXPECT_EQ(tier->usage().used_bytes, 3 * world.block_bytes);
  EXPECT_EQ(tier->usage().blocks, 3u);
}

TEST_F(RamTierTest, APutFindsNoRoomWhenEverythingIsLent) {
  auto tier = open(2);
  CompletionQueue queue;
  std::vector<MemoryRef> lent;
  for (std::uint32_t n = 0; n < 2; ++n) {
    ASSERT_EQ(put(*tier, n), Outcome::kDone);
    lent.push_back(run_one(*tier, Verb::kLend, world.id(n)).lent);
  }
  EXPECT_EQ(put(*tier, 2), Outcome::kRefused);
  for (std::uint32_t n = 0; n < 2; ++n) {
    Work give_back(queue, Verb::kReturn);
    give_back.add(world.id(n));
    give_back.slots[0].lent = lent[n];
    give_back.submit(*tier);
    ASSERT_EQ(wait_for(queue), &give_back.batch);
  }
  EXPECT_EQ(put(*tier, 2), Outcome::kDone);
}

TEST_F(RamTierTest, AFlippedBitInItsMemoryIsCorruptThenAMiss) {
  auto tier = open(2);
  Random random(3);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(put(*tier, 0), Outcome::kDone);
    const BlockSlot lend = run_one(*tier, Verb::kLend, world.id(0));
    ASSERT_EQ(lend.outcome, Outcome::kDone);
    lend.lent.data[random.below(lend.lent.size)] ^= static_cast<std::byte>(1u << random.below(8));
    CompletionQueue queue;
    Work give_back(queue, Verb::kReturn);
    give_back.add(world.id(0));
    give_back.slots[0].lent = lend.lent;
    give_back.submit(*tier);
    ASSERT_EQ(wait_for(queue), &give_back.batch);
    const Verb verb = i % 2 == 0 ? Verb::kGet : Verb::kLend;
    EXPECT_EQ(run(*tier, verb, world.id(0), world.pages(1)), Outcome::kCorrupt);
    EXPECT_EQ(run(*tier, Verb::kGet, world.id(0), world.pages(1)), Outcome::kMiss);
  }
  EXPECT_EQ(tier->usage().used_bytes, 0u);
}

TEST_F(RamTierTest, ASlotThatAKernelCallMayStillReadIsNotReused) {
  auto tier = open(1);
  ASSERT_EQ(put(*tier, 0), Outcome::kDone);
  tier->region().hold(0, world.block_bytes);
  EXPECT_EQ(put(*tier, 1), Outcome::kRefused);
  tier->region().release(0, world.block_bytes);
  EXPECT_EQ(put(*tier, 1), Outcome::kDone);
}

TEST_F(RamTierTest, UsedBytesAreTheSumOfItsBlocksOverRandomOperations) {
  auto tier = open(5);
  Random random(17);
  for (int step = 0; step < 400; ++step) {
    const auto n = static_cast<std::uint32_t>(random.below(9));
    if (random.below(3) != 0)
      put(*tier, n);
    else
      run(*tier, Verb::kErase, world.id(n));
    std::uint64_t found = 0;
    for (std::uint32_t i = 0; i < 9; ++i) found += run(*tier, Verb::kContains, world.id(i)) == Outcome::kDone ? 1 : 0;
    ASSERT_EQ(tier->usage().used_bytes, found * world.block_bytes);
    ASSERT_LE(tier->usage().used_bytes, tier->usage().capacity_bytes);
  }
}

TEST_F(RamTierTest, RefusesACapacityBelowOneBlock) {
  RamTierConfig config;
  config.capacity_bytes = 4096;
  const auto tier = RamTier::open(config, world.block_bytes, {world.clock, null_log()});
  ASSERT_FALSE(tier.has_value());
  EXPECT_EQ(tier.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace cairn::test
