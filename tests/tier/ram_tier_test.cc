// Property: the RAM tier keeps its byte budget, evicts the least recent block that nobody uses, and finds damage in its
// own memory.
#include "tier/ram_tier.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <map>

#include "node/segment_copy.h"
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

class SharedRamTest : public RamTierTest {
 protected:
  SharedRamTest() {
    RamTierConfig config;
    config.capacity_bytes = world.block_bytes * 3;
    config.shareable = true;
    tier = std::move(*RamTier::open(config, world.block_bytes, {world.clock, null_log()}));
    const int descriptor = tier->generations_descriptor();
    generations = static_cast<const std::uint64_t*>(
        ::mmap(nullptr, tier->slots() * sizeof(std::uint64_t), PROT_READ, MAP_SHARED, descriptor, 0));
    CAIRN_CHECK(generations != MAP_FAILED, "a client maps the generations");
  }
  ~SharedRamTest() override {
    ::munmap(const_cast<std::uint64_t*>(generations), tier->slots() * sizeof(std::uint64_t));
  }
  // As a client does it: fills the slot through a mapping, with digests of what it meant.
  std::vector<Checksum128> fill(const RamTier::OpenSlot& slot, std::uint64_t seed) {
    world.fill(0, seed);
    std::memcpy(slot.memory.data, world.data(0), world.block_bytes);
    std::vector<Checksum128> digests;
    for (std::uint64_t at = 0; at < world.block_bytes; at += kPoolSegmentBytes) {
      digests.push_back(xxh3_128({world.data(0) + at, std::min(kPoolSegmentBytes, world.block_bytes - at)}));
    }
    return digests;
  }
  std::unique_ptr<RamTier> tier;
  const std::uint64_t* generations = nullptr;
};

TEST_F(SharedRamTest, ASealedSlotIsABlockAsAnyOther) {
  const auto slot = tier->reserve(world.id(0), world.block_bytes);
  ASSERT_TRUE(slot);
  EXPECT_EQ(run(*tier, Verb::kContains, world.id(0)), Outcome::kMiss) << "not before it is sealed";
  EXPECT_EQ(slot->generation % 2, 1u);
  ASSERT_TRUE(tier->seal(slot->number, fill(*slot, 5)));
  EXPECT_EQ(run(*tier, Verb::kGet, world.id(0), world.pages(1)), Outcome::kDone);
  EXPECT_TRUE(world.filled_with(1, 5));
  const auto pinned = tier->pin(world.id(0));
  ASSERT_TRUE(pinned);
  EXPECT_EQ(pinned->generation, generations[pinned->number]);
  EXPECT_EQ(pinned->generation % 2, 0u);
  EXPECT_EQ(pinned->digests.size(), 2u);
  tier->unpin(pinned->number);
  EXPECT_FALSE(tier->pin(world.id(9)));
}

TEST_F(SharedRamTest, AGenerationNeverComesBack) {
  std::map<std::uint32_t, std::uint64_t> last;
  for (std::uint32_t n = 0; n < 30; ++n) {
    const auto slot = tier->reserve(world.id(n), world.block_bytes);
    ASSERT_TRUE(slot);
    EXPECT_GT(slot->generation, last[slot->number]);
    if (n % 3 == 2) {
      tier->give_up(slot->number);
    } else {
      ASSERT_TRUE(tier->seal(slot->number, fill(*slot, n)));
    }
    last[slot->number] = generations[slot->number];
    EXPECT_EQ(last[slot->number] % 2, 0u);
  }
  EXPECT_EQ(tier->usage().inflight_bytes, 0u);
}

TEST_F(SharedRamTest, APinnedSlotKeepsItsBytesWhateverComes) {
  for (std::uint32_t n = 0; n < 3; ++n) ASSERT_EQ(put(*tier, n), Outcome::kDone);
  const auto pinned = tier->pin(world.id(1));
  ASSERT_TRUE(pinned);
  for (std::uint32_t n = 3; n < 20; ++n) ASSERT_EQ(put(*tier, n), Outcome::kDone);
  ASSERT_EQ(run(*tier, Verb::kErase, world.id(1)), Outcome::kDone);
  EXPECT_EQ(generations[pinned->number], pinned->generation);
  world.fill(0, 2);
  EXPECT_EQ(std::memcmp(pinned->memory.data, world.data(0), world.block_bytes), 0);
  tier->unpin(pinned->number);
}

TEST_F(SharedRamTest, WhatIsNotWhatItsDigestsSayIsFoundByTheReader) {
  const auto slot = tier->reserve(world.id(0), world.block_bytes);
  ASSERT_TRUE(tier->seal(slot->number, fill(*slot, 5)));
  slot->memory.data[world.block_bytes - 1] ^= std::byte{1};  // a client that scribbles
  EXPECT_EQ(run(*tier, Verb::kGet, world.id(0), world.pages(1)), Outcome::kCorrupt);
  EXPECT_EQ(run(*tier, Verb::kGet, world.id(0), world.pages(1)), Outcome::kMiss);
}

TEST_F(SharedRamTest, AWrongNumberOfDigestsIsNoBlock) {
  const auto slot = tier->reserve(world.id(0), world.block_bytes);
  std::vector<Checksum128> digests = fill(*slot, 5);
  digests.pop_back();
  EXPECT_FALSE(tier->seal(slot->number, std::move(digests)));
  EXPECT_EQ(run(*tier, Verb::kContains, world.id(0)), Outcome::kMiss);
  EXPECT_EQ(tier->usage().inflight_bytes, 0u);
}

}  // namespace
}  // namespace cairn::test
