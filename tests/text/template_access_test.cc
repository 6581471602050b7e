// Indices, slices and members are Python'\''s.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateAccess, Slices) {
  EXPECT_EQ(render("{{ [1, 2, 3][::-1] }} {{ [1, 2, 3][-9:9] }} {{ [1, 2, 3][2:0:-1] }} {{ \"a\u00e9\u4e16\"[::-1] }}"),
            "[3, 2, 1] [1, 2, 3] [3, 2] \u4e16\u00e9"
            "a");
  EXPECT_EQ(render("{{ [1, 2][::9223372036854775807] }} {{ [1, 2][-9223372036854775807:] }}"), "[1] [1, 2]");
  EXPECT_THAT(render("{{ [1][::0] }}"), HasSubstr("step zero"));
}

TEST(TemplateAccess, AbsentIsUndefinedAndItsMembersAreErrors) {
  EXPECT_EQ(render("{{ messages[9] }}{{ messages[0].gone }}{{ none.x }}"), "");
  EXPECT_THAT(render("{{ messages[0].gone.deeper }}"), HasSubstr("gone"));
}

}  // namespace
}  // namespace cairn
