// Property: slots, pins and bytes of the RAM tier's index agree with a plain model over random operations.
#include <algorithm>
#include <map>

#include "tier/ram_state.h"
#include "tier/tier_world.h"

namespace cairn::test {
namespace {

KvBlockId name(std::uint64_t n, std::uint8_t variant = 0) {
  KvBlockId id;
  id.chunk.key.digest.bytes[0] = static_cast<std::uint8_t>(n);
  id.chunk.parent.digest.bytes[0] = variant;
  return id;
}

class RamIndexTest : public testing::Test {
 protected:
  RamIndexTest()
      : region(std::move(*MemoryRegion::make({.bytes = 8 * 4096, .huge_pages = false}))), index(*region, 4096, 8) {}
  bool put(const KvBlockId& id) {
    const auto slot = index.reserve();
    if (!slot) return false;
    index.entry(*slot) = RamEntry{id, 4096, {}, false};
    index.commit(*slot);
    return true;
  }
  std::unique_ptr<MemoryRegion> region;
  RamIndex index;
};

TEST_F(RamIndexTest, TheSameKeyOfAnotherChunkIsNotTheBlock) {
  ASSERT_TRUE(put(name(1)));
  EXPECT_EQ(index.contains(name(1)), RamIndex::Found::kYes);
  EXPECT_EQ(index.contains(name(1, 9)), RamIndex::Found::kOther);
  EXPECT_EQ(index.contains(name(2)), RamIndex::Found::kNo);
  EXPECT_FALSE(index.erase(name(1, 9)));
  ASSERT_TRUE(put(name(1, 9)));  // takes the key over
  EXPECT_EQ(index.contains(name(1)), RamIndex::Found::kOther);
  EXPECT_EQ(index.usage().blocks, 1u);
  EXPECT_EQ(index.usage().used_bytes, 4096u);
}

TEST_F(RamIndexTest, AnErasedBlockFreesItsSlotWithItsLastPin) {
  ASSERT_TRUE(put(name(1)));
  std::uint32_t slot = 0, again = 0;
  ASSERT_EQ(index.pin(name(1), slot), RamIndex::Found::kYes);
  ASSERT_EQ(index.pin(name(1), again), RamIndex::Found::kYes);
  EXPECT_TRUE(index.erase(name(1)));
  EXPECT_EQ(index.contains(name(1)), RamIndex::Found::kNo);
  EXPECT_EQ(index.usage().used_bytes, 4096u);
  index.unpin(slot);
  EXPECT_EQ(index.usage().used_bytes, 4096u);
  index.unpin(again);
  EXPECT_EQ(index.usage().used_bytes, 0u);
  EXPECT_EQ(index.pins(), 0u);
}

// A call that never comes back costs its own slots, not the tier.
TEST_F(RamIndexTest, AHeldSlotIsPassedOverAndTheOthersGoOn) {
  for (std::uint64_t n = 0; n < 8; ++n) ASSERT_TRUE(put(name(n)));
  for (const std::uint64_t n : {3, 5}) {
    std::uint32_t slot = 0;
    ASSERT_EQ(index.pin(name(n), slot), RamIndex::Found::kYes);
    region->hold(slot * 4096, 4096);  // an abandoned write of a lent block
    index.unpin(slot);
    ASSERT_TRUE(index.erase(name(n)));
  }
  for (std::uint64_t n = 100; n < 200; ++n) {
    ASSERT_TRUE(put(name(n))) << n;
    EXPECT_EQ(index.usage().blocks, 6u) << "neither of the held slots is handed out";
  }
  for (std::uint32_t slot = 0; slot < 8; ++slot) {
    if (region->held(slot * 4096, 4096)) region->release(slot * 4096, 4096);
  }
  ASSERT_TRUE(put(name(200)));
  ASSERT_TRUE(put(name(201)));
  EXPECT_EQ(index.usage().blocks, 8u);
}

// A block whose bytes a call may still read leaves when it is its turn, but its slot waits.
TEST_F(RamIndexTest, AHeldVictimDoesNotStopEviction) {
  for (std::uint64_t n = 0; n < 8; ++n) ASSERT_TRUE(put(name(n)));
  std::uint32_t oldest = 0;
  ASSERT_EQ(index.pin(name(0), oldest), RamIndex::Found::kYes);
  region->hold(oldest * 4096, 4096);
  index.unpin(oldest);
  for (std::uint64_t n = 1; n < 8; ++n) index.contains(name(n));
  for (std::uint64_t n = 100; n < 150; ++n) {
    const auto slot = index.reserve();
    ASSERT_TRUE(slot.has_value()) << n;
    EXPECT_NE(*slot, oldest);
    index.entry(*slot) = RamEntry{name(n), 4096, {}, false};
    index.commit(*slot);
  }
  region->release(oldest * 4096, 4096);
}

TEST_F(RamIndexTest, AgreesWithAModelOverRandomOperations) {
  Random random(31);
  std::map<std::uint64_t, std::vector<std::uint32_t>> pinned;
  for (int step = 0; step < 100'000; ++step) {
    const std::uint64_t n = random.below(14);
    switch (random.below(4)) {
      case 0:
        put(name(n));
        break;
      case 1:
        index.erase(name(n));
        break;
      case 2: {
        std::uint32_t slot = 0;
        if (pinned.size() < 4 && index.pin(name(n), slot) == RamIndex::Found::kYes) pinned[n].push_back(slot);
        break;
      }
      default:
        if (const auto found = pinned.find(n); found != pinned.end()) {
          EXPECT_EQ(index.entry(found->second.back()).id, name(n)) << "a pinned slot changed its block";
          index.unpin(found->second.back());
          found->second.pop_back();
          if (found->second.empty()) pinned.erase(found);
        }
        break;
    }
    const TierUsage usage = index.usage();
    ASSERT_EQ(usage.used_bytes, usage.blocks * 4096);
    ASSERT_LE(usage.blocks, 8u);
    ASSERT_EQ(usage.inflight_bytes, 0u);
  }
  for (const auto& [n, slots] : pinned) {
    for (const std::uint32_t slot : slots) index.unpin(slot);
  }
  EXPECT_EQ(index.pins(), 0u);
}

}  // namespace
}  // namespace cairn::test
