// plan_load chooses the number of leading chunks that ends first, by brute force over all plans.
#include "cache/placement.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/random.h"

namespace cairn {
namespace {

LoadPlanInput input(const std::vector<std::uint8_t>& tiers, const std::array<TierRate, 3>& rates,
                    const std::array<std::uint64_t, 3>& queued, double prefill) {
  return {tiers, rates, queued, 1'000'000, 256, prefill};
}

TEST(PlanLoad, LoadsAllWhilePrefillOrTierIsNotMeasured) {
  const std::vector<std::uint8_t> tiers(10, 1);
  EXPECT_EQ(plan_load(input(tiers, {{{}, {1e3, 0}, {}}}, {}, 0)), 10u);
  EXPECT_EQ(plan_load(input(tiers, {}, {}, 1e9)), 10u);
}

TEST(PlanLoad, LoadsNothingFromATierSlowerThanComputing) {
  const std::vector<std::uint8_t> tiers(10, 1);  // 1 MB of 1 MB/s against 256 tokens of 1000/s
  EXPECT_EQ(plan_load(input(tiers, {{{}, {1e6, 0}, {}}}, {}, 1000)), 0u);
  EXPECT_EQ(plan_load(input(tiers, {{{}, {1e8, 0}, {}}}, {}, 1000)), 10u);
}

TEST(PlanLoad, LatencyAndQueueCount) {
  const std::vector<std::uint8_t> tiers(4, 0);  // computing all takes 1.024 s
  EXPECT_EQ(plan_load(input(tiers, {{{1e9, 900'000}, {}, {}}}, {}, 1000)), 4u);
  EXPECT_EQ(plan_load(input(tiers, {{{1e9, 1'100'000}, {}, {}}}, {}, 1000)), 0u);
  EXPECT_EQ(plan_load(input(tiers, {{{1e9, 0}, {}, {}}}, {{2'000'000'000, 0, 0}}, 1000)), 0u);
}

TEST(PlanLoad, StopsBeforeASlowChunkThatOnlyFewFastOnesFollow) {
  std::vector<std::uint8_t> tiers(20, 0);
  tiers[10] = 1;  // this one takes 5 s
  const std::array<TierRate, 3> rates{{{1e9, 0}, {2e5, 0}, {}}};
  EXPECT_EQ(plan_load(input(tiers, rates, {}, 1000)), 10u);
  tiers.resize(60, 0);  // now 49 fast ones, 12 s of computing, lie behind it
  EXPECT_EQ(plan_load(input(tiers, rates, {}, 1000)), 60u);
}

TEST(PlanLoad, EqualsTheBestOfAllPlans) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    std::vector<std::uint8_t> tiers(random.below(20));
    for (auto& tier : tiers) tier = static_cast<std::uint8_t>(random.below(3));
    std::array<TierRate, 3> rates;
    std::array<std::uint64_t, 3> queued{};
    for (std::size_t t = 0; t < 3; ++t) {
      rates[t] = {random.chance(0.2) ? 0 : random.uniform() * 1e7, random.uniform() * 1e5};
      queued[t] = random.below(1'000'000);
    }
    const double prefill = random.uniform() * 5000;
    const auto cost = [&](std::size_t n) {
      std::array<std::uint64_t, 3> bytes{};
      double load = 0;
      for (std::size_t c = 0; c < n; ++c) bytes[tiers[c]] += 1'000'000;
      for (std::size_t t = 0; t < 3; ++t) {
        if (bytes[t] != 0) load = std::max(load, rates[t].time_us(queued[t] + bytes[t]));
      }
      return load + static_cast<double>(tiers.size() - n) * 256 / prefill * 1e6;
    };
    const std::size_t planned = plan_load(input(tiers, rates, queued, prefill));
    for (std::size_t n = 0; n <= tiers.size(); ++n) {
      EXPECT_LE(cost(planned), cost(n) + 1e-3) << seed;
    }
  }
}

TEST(PutTargets, NearIsTheFirstThatLendsAndOthersFollow) {
  const std::array<TierRole, 4> roles{
      {{true, true, true}, {false, true, true}, {false, false, true}, {false, true, false}}};
  const PutTargets targets = put_targets(roles);
  EXPECT_EQ(targets.near, 0u);
  EXPECT_EQ(targets.far, tier_bit(1));
}

}  // namespace
}  // namespace cairn
