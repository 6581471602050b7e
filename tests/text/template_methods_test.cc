// Methods of text and dicts are Python'\''s.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateMethods, Text) {
  EXPECT_EQ(
      render(
          "{{ \" a  b \".split() }}{{ \"a,b,c\".split(\",\", 1) }}{{ \"xax\".strip(\"x\") }}{{ \"it\x27s\".title() }}"),
      "[\x27"
      "a\x27, \x27"
      "b\x27][\x27"
      "a\x27, \x27"
      "b,c\x27]aIt\x27S");
  EXPECT_EQ(render("{{ \"ab\".startswith((\"x\", \"a\")) }}{{ \"ab\".find(\"b\") }}{{ \"\u00e9\".upper() }}"),
            "True1\u00c9");
}

TEST(TemplateMethods, Dicts) {
  EXPECT_EQ(render("{{ {\"a\": 1}.get(\"b\", 2) }}{{ {\"a\": 1}.keys() | list }}"),
            "2[\x27"
            "a\x27]");
}

TEST(TemplateMethods, RangeIsBounded) { EXPECT_THAT(render("{{ range(99999999) }}"), HasSubstr("too long")); }

}  // namespace
}  // namespace cairn
