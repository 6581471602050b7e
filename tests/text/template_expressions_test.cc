// Operators bind as Jinja's do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateExpressions, Precedence) {
  EXPECT_EQ(render("{{ not 1 == 2 }} {{ 1 or 0 and 0 }} {{ -2 | abs }} {{ 2 - -3 }}"), "True 1 2 5");
  EXPECT_EQ(render("{{ 1 if 0 else 2 if 1 else 3 }} {{ not x is defined }} {{ 1 is not string }}"), "2 True True");
}

TEST(TemplateExpressions, RefusesWhatIsNotOne) {
  for (const char* source :
       {"{{ }}", "{{ 1 + }}", "{{ (1 }}", "{{ x[ }}", "{{ x[] }}", "{{ f(a=1, 2) }}", "{{ f(*a) }}", "{{ 1 < 2 < 3 }}",
        "{{ x(1)(2) }}", "{{ 99999999999999999999 }}", "{{ {1} }}", "{{ . }}"}) {
    EXPECT_THAT(render(source), HasSubstr("refused")) << source;
  }
}

}  // namespace
}  // namespace cairn
