// Case and replacement work by code point.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateText, CaseAndReplacement) {
  EXPECT_EQ(render("{{ \"hELLO w\u00d6rld-x\" | title }} {{ \"\u00e9A\" | capitalize }} {{ \"aaa\" | replace(\"a\", "
                   "\"b\", 2) }}"),
            "Hello W\u00f6rld-X \u00c9"
            "a bba");
  EXPECT_THAT(render("{{ \"a\" | replace(\"\", \"b\") }}"), HasSubstr("empty"));
}

}  // namespace
}  // namespace cairn
