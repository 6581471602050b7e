// A Result holds a value or an error, never both, and asking for the wrong one is a bug.
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

namespace cairn {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return invalid(std::to_string(value) + " is odd");
  return value / 2;
}
Result<void> even(int value) {
  if (value % 2 != 0) return corrupt("odd");
  return {};
}
Result<int> quarter(int value) {
  CAIRN_TRY(const int once, half(value));
  CAIRN_TRY(const int twice, half(once));
  return twice;
}
Result<std::string> both(int first, int second) {
  CAIRN_TRY_VOID(even(first));
  CAIRN_TRY_VOID(even(second));
  return std::string("even");
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> good = half(8), bad = half(7);
  ASSERT_TRUE(good);
  EXPECT_TRUE(good.has_value());
  EXPECT_EQ(*good, 4);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(bad.error().detail, "7 is odd");
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().detail, "3 is odd");
  EXPECT_EQ(*both(2, 4), "even");
  EXPECT_EQ(both(2, 3).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(both(1, 2).error().code, ErrorCode::kCorrupt);
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  ASSERT_TRUE(result);
  EXPECT_EQ(**result, 5);
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 5);
}

TEST(Result, ReachesMembersOfItsValue) {
  Result<std::string> result = std::string("abc");
  EXPECT_EQ(result->size(), 3u);
  *result += "d";
  EXPECT_EQ(result.value(), "abcd");
}

TEST(Result, AskingForTheWrongOneIsABug) {
  EXPECT_DEATH((void)half(7).value(), "value\\(\\) of a failure");
  EXPECT_DEATH((void)half(8).error(), "error\\(\\) of a success");
  EXPECT_DEATH(even(7).value(), "value\\(\\) of a failure");
  EXPECT_DEATH((void)even(8).error(), "error\\(\\) of a success");
}

TEST(ErrorCode, EachHasItsOwnName) {
  std::set<std::string_view> names;
  for (unsigned code = 0; code <= static_cast<unsigned>(ErrorCode::kCorrupt); ++code) {
    names.insert(to_string(static_cast<ErrorCode>(code)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::kCorrupt) + 1);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(static_cast<ErrorCode>(200)), "unknown");
  EXPECT_EQ(unavailable("x").code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace cairn
