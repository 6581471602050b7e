// JSON is read within bounds and written as Python writes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateJson, RoundTrip) {
  const std::string json = R"([{"b": [1, -2.5, 1e+22, 1e-07, true, null], "a": "\u00e9\"\\\n"}, {}, []])";
  EXPECT_EQ(render("{{ tools | tojson }}", {.tools_json = json}),
            "[{\"b\": [1, -2.5, 1e+22, 1e-07, true, null], \"a\": \"\u00e9\\\"\\\\\\n\"}, {}, []]");
  EXPECT_EQ(render("{{ [1, {}] | tojson(indent=2) }}"), "[\n  1,\n  {}\n]");
}

TEST(TemplateJson, BoundsAndErrors) {
  EXPECT_THAT(render("x", {.tools_json = std::string(500, 0x5B) + std::string(500, 0x5D)}), HasSubstr("nesting"));
  EXPECT_THAT(render("x", {.tools_json = "[18446744073709551615]"}), HasSubstr("64 bits"));
  EXPECT_THAT(render("x", {.tools_json = "[1,"}), HasSubstr("byte"));
  EXPECT_THAT(render("{{ gone | tojson }}"), HasSubstr("no JSON form"));
}

}  // namespace
}  // namespace cairn
