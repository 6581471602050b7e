// Each block format expands to values worked out by hand from its definition.
#include "model/tensor_quantised.h"

#include <gtest/gtest.h>

#include "model/scratch.h"

namespace cairn {
namespace {

using test::as_bytes;
using test::raw;

constexpr std::uint16_t kHalf = 0x3800, kQuarter = 0x3400, kTwo = 0x4000;  // 0.5, 0.25, 2 as IEEE halves

std::vector<float> expand(GgmlType type, const std::string& bytes, std::size_t count = 32) {
  std::vector<float> values(count, -99.0f);
  const auto done = dequantise(type, as_bytes(bytes), values);
  EXPECT_TRUE(done) << (done ? "" : done.error().detail);
  return values;
}

// Byte i holds i in its low and 15 - i in its high nibble.
std::string nibbles() {
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes += static_cast<char>(i | ((15 - i) << 4));
  return bytes;
}

TEST(TensorQuantised, Q4_0IsScaleTimesQMinusEight) {
  const auto values = expand(kGgmlQ4_0, raw(kHalf) + nibbles());
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(values[i], 0.5f * static_cast<float>(i - 8));
    EXPECT_EQ(values[16 + i], 0.5f * static_cast<float>(7 - i));
  }
}

TEST(TensorQuantised, Q4_1IsScaleTimesQPlusOffset) {
  const auto values = expand(kGgmlQ4_1, raw(kHalf) + raw(kTwo) + nibbles());
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(values[i], 0.5f * static_cast<float>(i) + 2.0f);
    EXPECT_EQ(values[16 + i], 0.5f * static_cast<float>(15 - i) + 2.0f);
  }
}

TEST(TensorQuantised, Q5_0AddsTheFifthBitOfItsElement) {
  const std::uint32_t fifth = (1u << 3) | (1u << 20);  // elements 3 and 20
  const auto values = expand(kGgmlQ5_0, raw(kQuarter) + raw(fifth) + nibbles());
  for (int i = 0; i < 32; ++i) {
    const int nibble = i < 16 ? i : 31 - i;
    const int q = nibble + (i == 3 || i == 20 ? 16 : 0);
    EXPECT_EQ(values[i], 0.25f * static_cast<float>(q - 16)) << i;
  }
}

TEST(TensorQuantised, Q5_1AddsTheFifthBitAndTheOffset) {
  const std::uint32_t fifth = (1u << 0) | (1u << 31);
  const auto values = expand(kGgmlQ5_1, raw(kQuarter) + raw(kTwo) + raw(fifth) + nibbles());
  for (int i = 0; i < 32; ++i) {
    const int nibble = i < 16 ? i : 31 - i;
    const int q = nibble + (i == 0 || i == 31 ? 16 : 0);
    EXPECT_EQ(values[i], 0.25f * static_cast<float>(q) + 2.0f) << i;
  }
}

TEST(TensorQuantised, Q8_0IsScaleTimesASignedByte) {
  std::string bytes = raw(kQuarter);
  for (int i = 0; i < 32; ++i) bytes += static_cast<char>(i * 8 - 128);
  const auto values = expand(kGgmlQ8_0, bytes);
  for (int i = 0; i < 32; ++i) EXPECT_EQ(values[i], 0.25f * static_cast<float>(i * 8 - 128));
}

TEST(TensorQuantised, PlainTypesAreExact) {
  EXPECT_EQ(expand(kGgmlF32, raw(std::vector<float>{1.5f, -3e-30f}), 2), (std::vector<float>{1.5f, -3e-30f}));
  EXPECT_EQ(expand(kGgmlF16, raw(std::vector<std::uint16_t>{kHalf, kTwo}), 2), (std::vector<float>{0.5f, 2.0f}));
  EXPECT_EQ(expand(kGgmlBf16, raw(std::vector<std::uint16_t>{0x3f80, 0xc000}), 2), (std::vector<float>{1.0f, -2.0f}));
}

TEST(TensorQuantised, SecondBlocksFollowFirstOnes) {
  const auto values = expand(kGgmlQ4_0, raw(kHalf) + nibbles() + raw(kTwo) + nibbles(), 64);
  EXPECT_EQ(values[0], -4.0f);
  EXPECT_EQ(values[32], -16.0f);
}

TEST(TensorQuantised, RefusesOtherTypesByNameAndSizesThatDoNotFit) {
  std::vector<float> values(32);
  const auto k_quant = dequantise(GgmlType{12}, {}, values);
  ASSERT_FALSE(k_quant);
  EXPECT_NE(k_quant.error().detail.find("Q4_K"), std::string::npos);
  EXPECT_EQ(name_of(GgmlType{999}), "type 999");
  EXPECT_FALSE(block_of(GgmlType{4}));
  EXPECT_FALSE(dequantise(kGgmlQ4_0, as_bytes(std::string(17, '\0')), values));
  values.resize(31);
  EXPECT_FALSE(dequantise(kGgmlQ4_0, as_bytes(std::string(18, '\0')), values));
}

}  // namespace
}  // namespace cairn
