// A bug check stays on in every build, says where and what, and ends the process.
#include "base/check.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Check, AFalseConditionEndsTheProcessWithItsPlaceAndText) {
  const int pages = 3;
  EXPECT_DEATH(CAIRN_CHECK(pages == 4, "a page was lost"),
               "check_test.cc:[0-9]+: pages == 4 is false: a page was lost");
}

TEST(Check, ATrueConditionIsEvaluatedOnce) {
  int evaluated = 0;
  CAIRN_CHECK(++evaluated == 1, "evaluated twice");
  EXPECT_EQ(evaluated, 1);
}

TEST(Check, IsAnExpressionThatBindsToNoElse) {
  bool other = false;
  if (other)
    CAIRN_CHECK(false, "not reached");
  else
    other = true;
  EXPECT_TRUE(other);
}

}  // namespace
}  // namespace cairn
