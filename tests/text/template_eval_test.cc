// Scopes, loops, macros and namespaces keep what Jinja keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(TemplateEval, LoopsForgetAndNamespacesKeep) {
  EXPECT_EQ(
      render(
          "{% set a = 0 %}{% set n = namespace(a=0) %}{% for i in [1, 2] %}{% set a = a + i %}{% set n.a = n.a + i %}"
          "{{ a }}{% endfor %} {{ a }} {{ n.a }}"),
      "12 0 3");
  EXPECT_EQ(render("{% if true %}{% set x = 1 %}{% endif %}{{ x }}"), "1");
}

TEST(TemplateEval, MacrosSeeGlobalsNotTheirCaller) {
  EXPECT_EQ(render("{% set g = 1 %}{% macro f(a, b=2) %}{{ a }}{{ b }}{{ g }}{{ i }}{% endmacro %}{% for i in [7] %}{{ "
                   "f(5) }}{% endfor %}"),
            "521");
  EXPECT_THAT(render("{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}"), HasSubstr("too many"));
  EXPECT_THAT(render("{% macro f(a) %}{% endmacro %}{{ f(z=2) }}"), HasSubstr("no parameter"));
}

TEST(TemplateEval, LoopVariablesOutliveTheirLoopSafely) {
  EXPECT_EQ(render("{% set n = namespace() %}{% for i in [4, 5] %}{% set n.l = loop %}{% endfor %}{{ n.l.length }}{{ "
                   "n.l.previtem }}"),
            "25");
}

TEST(TemplateEval, UnpackingChecksTheCount) {
  EXPECT_EQ(render("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}"), "a1");
  EXPECT_THAT(render("{% set a, b = [1] %}"), HasSubstr("1 values for 2 variables"));
  EXPECT_THAT(render("{% set messages.x = 1 %}"), HasSubstr("not a namespace"));
}

}  // namespace
}  // namespace cairn
