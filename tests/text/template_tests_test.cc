// Tests tell kinds and order apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateTests, Kinds) {
  EXPECT_EQ(render("{{ 1 is number }}{{ true is integer }}{{ \"\" is string }}{{ {} is mapping }}{{ none is iterable "
                   "}}{{ x is defined }}"),
            "TrueFalseTrueTrueFalseFalse");
  EXPECT_EQ(render("{{ 4 is divisibleby 2 }}{{ 3 is odd }}{{ 2 is gt 3 }}{{ 1 is in [1] }}"), "TrueTrueFalseTrue");
  EXPECT_THAT(render("{{ 4 is divisibleby 0 }}"), HasSubstr("divisibleby"));
}

}  // namespace
}  // namespace cairn
