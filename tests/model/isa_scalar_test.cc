// Property: the oracle itself computes what docs/numerics.md says, on cases small enough to follow by hand, and near
// what exact arithmetic gives.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "model/kernel_table.h"

namespace cairn {
namespace {

const KernelTable& oracle() { return scalar_kernels(); }

std::vector<std::uint32_t> panel_of(const std::vector<float>& column, std::size_t k) {
  std::vector<std::uint16_t> half(k);
  oracle().to_bf16(column.data(), half.data(), k);
  std::vector<std::uint32_t> words(k / 2 * kPanelColumns);
  for (std::size_t i = 0; i < k; i += 2) words[i / 2 * kPanelColumns] = half[i] | std::uint32_t{half[i + 1]} << 16;
  return words;
}

float product(const std::vector<float>& a, const std::vector<float>& b) {
  const std::vector<std::uint32_t> panel = panel_of(b, b.size());
  float c = 0;
  oracle().gemm({a.data(), a.size(), panel.data(), a.size(), &c, 1, 1, 1, false});
  return c;
}

// 2^24 swallows a 1 added to it: which ones survive shows the order.
TEST(IsaScalar, EvenAndOddChainsAreSummedPerBlockOf32) {
  const ScopedFpu fpu;
  const float big = 0x1p24f;
  std::vector<float> ones(64, 1.0f), b(64, 0.0f);
  b[0] = big, b[2] = 1, b[4] = 1;  // one chain: each 1 is swallowed
  EXPECT_EQ(product(ones, b), big);
  b.assign(64, 0.0f), b[0] = big, b[1] = 1, b[3] = 1;  // the odd chain gives 2 first
  EXPECT_EQ(product(ones, b), big + 2);
  b.assign(64, 0.0f), b[0] = big, b[32] = 1, b[33] = 1;  // the next block gives 2 first
  EXPECT_EQ(product(ones, b), big + 2);
  b.assign(64, 0.0f), b[0] = big, b[1] = 1, b[32] = 1;  // 1 is swallowed at E + O, then again at C
  EXPECT_EQ(product(ones, b), big);
}

// Weights 1 and 2^-24: one small weight is lost beside the 1, two that meet first are not.
TEST(IsaScalar, SumsGoBySixteenLanesAndTheTree) {
  const ScopedFpu fpu;
  const auto sum_with_small_at = [](std::size_t first, std::size_t second) {
    std::vector<float> scores(32, -200.0f);
    scores[0] = 0, scores[first] = scores[second] = -24;
    float maximum = -INFINITY, sum = 0;
    oracle().softmax({scores.data(), 32, 32, 1.0f, &maximum, &sum});
    return sum;
  };
  EXPECT_EQ(sum_with_small_at(8, 16), 1.0f);             // lane 0 takes index 16, then lane 8
  EXPECT_EQ(sum_with_small_at(4, 2), 1.0f);              // each meets lane 0 on its own
  EXPECT_EQ(sum_with_small_at(1, 9), 1.0f + 0x1p-23f);   // lanes 1 and 9 meet first
  EXPECT_EQ(sum_with_small_at(1, 17), 1.0f + 0x1p-23f);  // one lane
}

TEST(IsaScalar, RoundingToBf16IsNearestEvenAndFlushesSubnormals) {
  const std::vector<float> x = {1.0f, 0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, -0x1p-127f, INFINITY, -0.0f};
  std::vector<std::uint16_t> y(x.size());
  oracle().to_bf16(x.data(), y.data(), x.size());
  EXPECT_EQ(y, (std::vector<std::uint16_t>{0x3f80, 0x3f80, 0x3f82, 0x3f81, 0x8000, 0x7f80, 0x8000}));
}

TEST(IsaScalar, SoftmaxOfEqualScoresIsUniformAndKeepsItsState) {
  const ScopedFpu fpu;
  std::vector<float> scores(256, 2.0f);
  float maximum = -INFINITY, sum = 0;
  oracle().softmax({scores.data(), 100, 128, 0.5f, &maximum, &sum});
  EXPECT_EQ(maximum, 1.0f);
  EXPECT_EQ(sum, 100.0f);
  EXPECT_EQ(scores[99], 1.0f);
  EXPECT_EQ(scores[100], 0.0f);
  scores.assign(256, 4.0f);  // a later chunk twice as high: the old sum shrinks by 2^-1
  EXPECT_EQ(oracle().softmax({scores.data(), 1, 32, 0.5f, &maximum, &sum}), 0.5f);
  EXPECT_EQ(sum, 51.0f);
}

TEST(IsaScalar, SwigluIsCloseToTheLibraryEverywhere) {
  const ScopedFpu fpu;
  Random random(2);
  for (int i = 0; i < 10000; ++i) {
    const float g = static_cast<float>(random.uniform() * 200 - 100), u = static_cast<float>(random.uniform() + 0.5);
    float out = 0;
    oracle().swiglu(&g, &u, &out, 1);
    const double want = g / (1 + std::exp(-static_cast<double>(g))) * u;
    ASSERT_NEAR(out, want, std::abs(want) * 0x1.01p-8 + 1e-30) << g;
  }
}

TEST(IsaScalar, RotationKeepsTheLengthOfAPair) {
  const ScopedFpu fpu;
  const float x[] = {3.0f, 4.0f}, c = 0.6f, s = 0.8f;
  float y[2];
  oracle().rope({x, nullptr, 0, &c, &s, y, 2});
  EXPECT_NEAR(y[0], 3 * 0.6 - 4 * 0.8, 0.01);
  EXPECT_NEAR(y[1], 4 * 0.6 + 3 * 0.8, 0.03);
}

}  // namespace
}  // namespace cairn
