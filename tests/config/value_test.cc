// Property: a value's text reads back to the same value, and what is no value is refused with an example.
#include "config/value.h"

#include <gmock/gmock.h>

#include "config/sample.h"

namespace cairn {
namespace {

using config_sample::Policy;
using testing::HasSubstr;

TEST(Value, SizesReadBackExactly) {
  for (const std::uint64_t bytes :
       {0ull, 1ull, 1000ull, 4096ull, 100'000'000ull, 1ull << 28, (1ull << 53) + 1, ~0ull}) {
    EXPECT_EQ(parse_unsigned(bytes_text(bytes), OptionKind::kBytes, ~0ull).value(), bytes) << bytes_text(bytes);
  }
  EXPECT_EQ(bytes_text(1ull << 28), "256MiB");
  EXPECT_EQ(bytes_text(100'000'000), "100MB");
}

TEST(Value, OnlyFieldsNamedBytesAreSizes) {
  EXPECT_TRUE(names_bytes("capacity_bytes"));
  EXPECT_TRUE(names_bytes("read_bytes_per_s"));
  EXPECT_TRUE(names_bytes("bytes_max"));
  EXPECT_FALSE(names_bytes("kilobytes"));
  EXPECT_FALSE(names_bytes("load_stall_ms"));
  EXPECT_FALSE(parse_unsigned("1MiB", OptionKind::kWhole, ~0ull));
}

TEST(Value, RefusalsSayWhatWouldBeRight) {
  EXPECT_THAT(parse_value<std::uint32_t>("-1", OptionKind::kWhole).error().detail, HasSubstr("whole number, such as"));
  EXPECT_THAT(parse_value<std::uint32_t>("4294967296", OptionKind::kWhole).error().detail,
              HasSubstr("at most 4294967295"));
  EXPECT_THAT(parse_value<bool>("maybe", OptionKind::kSwitch).error().detail, HasSubstr("true nor false"));
  EXPECT_THAT(parse_value<Policy>("alway", OptionKind::kChoice).error().detail,
              HasSubstr("none of auto, always, never; did you mean \"always\"?"));
  for (const char* text : {"", "nan", "inf", "1e999", "0x10", "1 ", " 1", "1,5"})
    EXPECT_FALSE(parse_real(text)) << text;
  EXPECT_EQ(parse_real("-2.5e3").value(), -2500);
  EXPECT_EQ(parse_value<std::int32_t>("-2147483648", OptionKind::kWhole).value(), INT32_MIN);
  EXPECT_FALSE(parse_value<std::int32_t>("2147483648", OptionKind::kWhole));
}

TEST(Value, EnumerationsListTheirNames) {
  EXPECT_EQ(choices_of<Policy>(), (std::vector<std::string>{"auto", "always", "never"}));
  EXPECT_EQ(parse_value<Policy>("never", OptionKind::kChoice).value(), Policy::kNever);
}

TEST(Value, CasesAreOfAsciiOnly) {
  EXPECT_EQ(upper("s3_Key.\xc3\xa9"), "S3_KEY.\xc3\xa9");
  EXPECT_EQ(lower("S3_Key.\xc3\x89"), "s3_key.\xc3\x89");
}

TEST(Value, ListsSplitAtCommas) {
  EXPECT_EQ(split_list("a,,b,"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(split_list("").empty());
}

}  // namespace
}  // namespace cairn
