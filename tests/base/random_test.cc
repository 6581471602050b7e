// The same seed gives the same numbers on every machine, in range and evenly; the system's entropy fills every byte.
#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

namespace cairn {
namespace {

TEST(Random, IsSplitmix64) {
  Random random(0);
  EXPECT_EQ(random.next(), 0xe220a8397b1dcdafu);
  EXPECT_EQ(random.next(), 0x6e789e6aa1b965f4u);
  EXPECT_EQ(random.next(), 0x06c45d188009454fu);
}

TEST(Random, BelowStaysBelowAndIsEven) {
  Random random(5);
  std::array<int, 10> seen{};
  for (int i = 0; i < 100000; ++i) {
    const std::uint64_t value = random.below(10);
    ASSERT_LT(value, 10u);
    ++seen[value];
  }
  for (const int count : seen) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, UniformLiesInTheUnitInterval) {
  Random random(6);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 100000, 0.5, 0.01);
}

TEST(Random, ChanceKeepsItsProbability) {
  Random random(7);
  int hits = 0;
  for (int i = 0; i < 100000; ++i) {
    hits += random.chance(0.25);
    ASSERT_FALSE(random.chance(0.0));
    ASSERT_TRUE(random.chance(1.0));
  }
  EXPECT_NEAR(hits, 25000, 1000);
}

TEST(RandomBytes, FillEveryByteAndNeverRepeat) {
  std::set<std::vector<std::uint8_t>> seen;
  for (int i = 0; i < 100; ++i) {
    std::vector<std::uint8_t> bytes(16);
    random_bytes(bytes);
    EXPECT_TRUE(seen.insert(bytes).second);
  }
  std::vector<std::uint8_t> many(100'000);  // more than one kernel call may fill at once
  random_bytes(many);
  std::array<int, 256> counts{};
  for (const std::uint8_t byte : many) ++counts[byte];
  for (const int count : counts) EXPECT_NEAR(count, 390, 160);
  random_bytes({});
}

TEST(Random, HexNamesHaveTheirLengthAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string name = random_hex(8);
    EXPECT_EQ(name.size(), 16u);
    EXPECT_EQ(name.find_first_not_of("0123456789abcdef"), std::string::npos);
    seen.insert(name);
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_NE(random_u64(), random_u64());
}

}  // namespace
}  // namespace cairn
