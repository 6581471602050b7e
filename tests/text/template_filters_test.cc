// Filters give what Jinja'\''s give.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateFilters, Values) {
  EXPECT_EQ(
      render(
          "{{ \" a \" | trim }}{{ [3, 1] | join(\"-\") }}{{ gone | default(4) }}{{ \"ab\" | length }}{{ [] | first }}"),
      "a3-142");
  EXPECT_EQ(render("{{ messages | selectattr(\"role\", \"equalto\", \"user\") | map(attribute=\"content\") | list }}"),
            "[\x27Hi\x27]");
  EXPECT_EQ(render("{{ \"12\" | int + 1 }} {{ \"x\" | int(7) }} {{ 2 | float }}"), "13 7 2.0");
}

TEST(TemplateFilters, WrongArgumentsAreErrors) {
  EXPECT_THAT(render("{{ [1] | map(\"frob\") }}"), HasSubstr("frob"));
  EXPECT_THAT(render("{{ 1 | join }}"), HasSubstr("iterated"));
  EXPECT_THAT(render("{{ \"a\" | trim(\"a\", \"b\") }}"), HasSubstr("too many"));
  EXPECT_THAT(render("{{ \"a\" | replace(\"a\") }}"), HasSubstr("needs"));
  EXPECT_THAT(render("{{ \"a\" | replace(old=\"a\", fresh=1) }}"), HasSubstr("fresh"));
}

}  // namespace
}  // namespace cairn
