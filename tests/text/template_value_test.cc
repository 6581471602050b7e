// Values print as in Python.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateValue, Text) {
  EXPECT_EQ(
      render("{{ none }} {{ true }} {{ 1.0 }} {{ (1,) }} {{ {\"a\": [none]} }} {{ [\"it\x27s\", \"\\n\\u200b\"] }}"),
      "None True 1.0 (1,) {\x27"
      "a\x27: [None]} [\"it\x27s\", \x27\\n\\u200b\x27]");
  EXPECT_EQ(render("{{ [1] == [1.0] }}{{ {\"a\": 1} == {\"a\": 2} }}{{ none == false }}"), "TrueFalseFalse");
  EXPECT_THAT(render("{{ messages.x.y }}"), HasSubstr("undefined"));
}

}  // namespace
}  // namespace cairn
