// bf16 rounding is to nearest, ties to even; halves and dtypes mean what IEEE and safetensors say.
#include "model/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cairn {
namespace {

TEST(Tensor, RoundsToNearestWithTiesToEven) {
  EXPECT_EQ(bf16_from_f32(1.0f), 0x3f80);
  EXPECT_EQ(bf16_from_f32(-2.0f), 0xc000);
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3f808000u)), 0x3f80);  // tie, even below
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3f818000u)), 0x3f82);  // tie, even above
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x3f807fffu)), 0x3f80);
  EXPECT_EQ(bf16_from_f32(std::numeric_limits<float>::max()), 0x7f80);  // overflows to infinity
  EXPECT_EQ(bf16_from_f32(-0.0f), 0x8000);
}

TEST(Tensor, KeepsInfinityAndNan) {
  EXPECT_EQ(bf16_from_f32(-std::numeric_limits<float>::infinity()), 0xff80);
  EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(std::bit_cast<float>(0x7f800001u)))));
}

TEST(Tensor, EveryBf16SurvivesARoundTrip) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f32_from_bf16(static_cast<Bf16>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(bf16_from_f32(value), bits);
  }
}

TEST(Tensor, ExpandsHalves) {
  EXPECT_EQ(f32_from_f16(0x3c00), 1.0f);
  EXPECT_EQ(f32_from_f16(0xc500), -5.0f);
  EXPECT_EQ(f32_from_f16(0x0001), 0x1p-24f);
  EXPECT_EQ(f32_from_f16(0x83ff), -1023 * 0x1p-24f);
  EXPECT_EQ(f32_from_f16(0x7bff), 65504.0f);
  EXPECT_TRUE(std::isinf(f32_from_f16(0x7c00)));
  EXPECT_TRUE(std::isnan(f32_from_f16(0x7c01)));
  EXPECT_TRUE(std::signbit(f32_from_f16(0x8000)));
}

TEST(Tensor, DtypesHaveTheirNamesAndSizes) {
  EXPECT_EQ(dtype_from_name("BF16"), TensorDtype::kBf16);
  EXPECT_EQ(name_of(TensorDtype::kF8E5M2), "F8_E5M2");
  EXPECT_EQ(bytes_of(TensorDtype::kF64), 8u);
  EXPECT_FALSE(dtype_from_name("bf16"));
}

TEST(Tensor, ShapesThatOverflowHaveNoCount) {
  EXPECT_EQ(element_count(std::vector<std::uint64_t>{}), 1u);
  EXPECT_EQ(element_count(std::vector<std::uint64_t>{3, 0}), 0u);
  EXPECT_FALSE(element_count(std::vector<std::uint64_t>{1ull << 33, 1ull << 33}));
  EXPECT_FALSE(element_count(std::vector<std::uint64_t>{1ull << 61}));  // × 8 bytes would wrap to 0
  EXPECT_EQ(shape_text(std::vector<std::uint64_t>{2, 3}), "[2, 3]");
}

}  // namespace
}  // namespace cairn
