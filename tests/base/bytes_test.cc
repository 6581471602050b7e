// Sizes are read as people write them, or refused with an example; fields are little-endian wherever they lie.
#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace cairn {
namespace {

TEST(Bytes, FieldsAreLittleEndianAndNeedNoAlignment) {
  std::array<std::uint8_t, 12> bytes{};
  store_le<std::uint32_t>(bytes.data() + 1, 0x04030201);
  store_le<std::uint64_t>(bytes.data() + 4, 0x8877665544332211);
  EXPECT_EQ(bytes, (std::array<std::uint8_t, 12>{0, 1, 2, 3, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}));
  EXPECT_EQ(load_le<std::uint16_t>(bytes.data() + 3), 0x1103);
  EXPECT_EQ(load_le<std::uint64_t>(bytes.data() + 4), 0x8877665544332211u);
}

TEST(Bytes, RoundUpReachesTheNextUnit) {
  EXPECT_EQ(round_up(0, 4096), 0u);
  EXPECT_EQ(round_up(1, 4096), 4096u);
  EXPECT_EQ(round_up(4096, 4096), 4096u);
  EXPECT_EQ(round_up(4097, 4096), 8192u);
}

TEST(Bytes, SizesAreReadAsPeopleWriteThem) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"0", 0},
      {"4096", 4096},
      {"4096B", 4096},
      {"256MiB", 256 * kMiB},
      {"1.5GB", 1'500'000'000},
      {"100 k", 100'000},
      {"1GiB", kGiB},
      {"0.5KiB", 512},
      {"2Gi", 2 * kGiB},
      {"8TiB", 8 * 1024 * kGiB},
      {"3T", 3'000'000'000'000},
      {"100MB", 100'000'000},
      {"9007199254740993", 9007199254740993},  // beyond the whole numbers of a double
  };
  for (const auto& [text, bytes] : cases) {
    const auto parsed = parse_bytes(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(Bytes, EverythingElseIsRefusedWithAnExample) {
  for (const char* text : {"", " ", "MiB", "-1", "-1MiB", "1 XB", "1MiBx", "1 MiB ", "nan", "inf", "1e400", "1e30",
                           "9.3e18", "20000000TiB", "0x10", "1,5GB", "\xff"}) {
    const auto parsed = parse_bytes(text);
    ASSERT_FALSE(parsed) << text << " gave " << *parsed;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
    EXPECT_NE(parsed.error().detail.find("256MiB"), std::string::npos);
  }
}

TEST(Bytes, WholeNumbersHaveNoSignUnitOrRest) {
  EXPECT_EQ(*parse_u64("0"), 0u);
  EXPECT_EQ(*parse_u64("18446744073709551615"), ~0ull);
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "18446744073709551616", "0x1", "one"}) {
    const auto parsed = parse_u64(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().detail, "'" + std::string(text) + "' is not a whole number");
  }
}

TEST(Bytes, SizesAreShownShort) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.0 KiB");
  EXPECT_EQ(format_bytes(5898240), "5.6 MiB");
  EXPECT_EQ(format_bytes(kGiB), "1.0 GiB");
  EXPECT_EQ(format_bytes(5000 * 1024 * kGiB), "5000.0 TiB");
}

}  // namespace
}  // namespace cairn
