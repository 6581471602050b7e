// Property: our own double functions are right to the last bits that f32 can see, at every position a model has.
#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace cairn {
namespace {

TEST(Rope, SineAndCosineAgreeWithTheLibraryUpToAMillion) {
  Random random(3);
  for (int i = 0; i < 20000; ++i) {
    const double x = i < 100 ? i * 0.0157 : random.uniform() * (i % 2 ? 1e6 : 100.0);
    const SineCosine at = sine_cosine(x);
    ASSERT_NEAR(at.sine, std::sin(x), 4e-16) << x;
    ASSERT_NEAR(at.cosine, std::cos(x), 4e-16) << x;
  }
}

TEST(Rope, PowerAndLogarithmAgreeWithTheLibrary) {
  Random random(4);
  for (int i = 0; i < 20000; ++i) {
    const double x = (random.uniform() - 0.5) * 60;
    ASSERT_NEAR(power_of_two(x) / std::exp2(x), 1.0, 4e-15) << x;
    const double y = std::exp2(x);
    ASSERT_NEAR(log2_of(y), x, 2e-14) << y;
  }
}

TEST(Rope, FrequenciesAreThetaToTheNegativeTwoIOverDim) {
  const std::vector<double> f = rope_frequencies({.theta = 100000.0}, 64);
  ASSERT_EQ(f.size(), 32u);
  for (std::size_t i = 0; i < f.size(); ++i) {
    const double want = std::pow(100000.0, -2.0 * static_cast<double>(i) / 64.0);
    ASSERT_NEAR(f[i] / want, 1.0, 1e-14);
  }
}

TEST(Rope, Llama3ScalingKeepsFastPairsAndStretchesSlowOnes) {
  const RopeSpec plain{.theta = 500000.0};
  RopeSpec scaled = plain;
  scaled.llama3_scaling = true;
  scaled.factor = 32, scaled.low_freq_factor = 1, scaled.high_freq_factor = 4, scaled.original_context = 8192;
  const std::vector<double> a = rope_frequencies(plain, 64), b = rope_frequencies(scaled, 64);
  EXPECT_EQ(a.front(), b.front());
  EXPECT_EQ(a.back() / 32, b.back());
  bool blended = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double turns = 8192 * a[i] / 6.283185307179586;
    if (turns > 4) {
      EXPECT_EQ(a[i], b[i]);
    }
    if (turns < 1) {
      EXPECT_EQ(a[i] / 32, b[i]);
    }
    if (turns > 1 && turns < 4) {
      blended = true;
      const double smooth = (turns - 1) / 3;
      EXPECT_NEAR(b[i] / ((1 - smooth) * a[i] / 32 + smooth * a[i]), 1.0, 1e-12);
    }
  }
  EXPECT_TRUE(blended);
}

TEST(Rope, PositionZeroRotatesNothing) {
  float c[32], s[32];
  rope_row(rope_frequencies({.theta = 10000.0}, 64), 0, c, s);
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(c[i], 1.0f);
    EXPECT_EQ(s[i], 0.0f);
  }
}

}  // namespace
}  // namespace cairn
