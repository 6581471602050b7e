// Arithmetic is Python's, and overflow or a wrong type is an error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateOperators, PythonArithmetic) {
  EXPECT_EQ(render("{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 7 // -2.0 }} {{ -7.5 % 2 }}"), "-4 2 3.5 -4.0 0.5");
}

TEST(TemplateOperators, Failures) {
  EXPECT_THAT(render("{{ 9223372036854775807 + 1 }}"), HasSubstr("64 bits"));
  EXPECT_THAT(render("{{ -9223372036854775807 - 2 }}"), HasSubstr("64 bits"));
  EXPECT_THAT(render("{{ (-9223372036854775807 - 1) // -1 }}"), HasSubstr("64 bits"));
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) % -1 }}"), "0");
  EXPECT_THAT(render("{{ 1 % 0 }}"), HasSubstr("division by zero"));
  EXPECT_THAT(render("{{ 1 + [] }}"), HasSubstr("int and list"));
  EXPECT_THAT(render("{{ gone + 1 }}"), HasSubstr("gone"));
  EXPECT_THAT(render("{{ messages(1) }}"), HasSubstr("refused"));
}

}  // namespace
}  // namespace cairn
