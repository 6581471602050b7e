// The index knows only what it was told, forgets in time, and never grows beyond its bound.
#include "cache/index.h"

#include <gtest/gtest.h>

#include "cache/fake_tier.h"

namespace cairn {
namespace {

TEST(Index, KnowsWhatWasAddedAndForgetsWhatWasRemoved) {
  Index index(1000, 100);
  const BlockKey block{test::chunk_of(1, 0).key, 0};
  EXPECT_EQ(index.where(block, 0), 0);
  index.add(block, 1, 0);
  index.add(block, 3, 0);
  EXPECT_EQ(index.where(block, 0), tier_bit(1) | tier_bit(3));
  EXPECT_EQ(index.where({block.key, 1}, 0), 0) << "another shard";
  index.remove(block, 1);
  EXPECT_EQ(index.where(block, 0), tier_bit(3));
  index.remove(block, 3);
  EXPECT_EQ(index.size(), 0u);
}

TEST(Index, TrustsEachAnswerForAWhile) {
  Index index(1000, 100);
  const BlockKey block{test::chunk_of(1, 0).key, 0};
  index.add(block, 0, 0);
  index.add(block, 1, 60);
  EXPECT_EQ(index.where(block, 99), tier_bit(0) | tier_bit(1));
  EXPECT_EQ(index.where(block, 100), tier_bit(1));
}

TEST(Index, KeepsWhatIsUsedWithinItsBound) {
  Index index(160, 1'000'000);
  const BlockKey used{test::chunk_of(1, 0).key, 0};
  index.add(used, 0, 0);
  for (std::uint32_t i = 1; i < 5000; ++i) {
    index.add({test::chunk_of(1, i).key, 0}, 0, 0);
    EXPECT_NE(index.where(used, 0), 0);
  }
  EXPECT_LE(index.size(), 160u + Index::kParts);
  EXPECT_GE(index.size(), 100u);
}

}  // namespace
}  // namespace cairn
