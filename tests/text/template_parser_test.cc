// Statements have their parts or are refused.
#include "text/template_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(TemplateParser, BuildsTheTree) {
  const auto root =
      parse_template("a{% if x %}b{% elif y %}c{% else %}d{% endif %}{% for k, v in z if k %}{% endfor %}");
  ASSERT_TRUE(root);
  ASSERT_EQ((*root)->children.size(), 3u);
  EXPECT_EQ((*root)->children[1]->kind, NodeKind::kIf);
  EXPECT_EQ((*root)->children[1]->children.size(), 5u);
  EXPECT_EQ((*root)->children[2]->names, (std::vector<std::string>{"k", "v"}));
}

TEST(TemplateParser, RefusesBlocksThatDoNotClose) {
  for (const char* source :
       {"{% if x %}", "{% for a in b %}", "{% endif %}", "{% else %}", "{% set x %}a", "{% break %}",
        "{% for in x %}{% endfor %}", "{% if x %}{% endfor %}", "{% macro f(a=1, b) %}{% endmacro %}",
        "{% set a.b.c = 1 %}", "{% 5 %}", "{% for a in b recursive %}{% endfor %}", "{% if x y %}{% endif %}"}) {
    EXPECT_FALSE(parse_template(source)) << source;
  }
}

TEST(TemplateParser, NestingIsBounded) {
  std::string source;
  for (int i = 0; i < 1000; ++i) source += "{% if x %}";
  EXPECT_FALSE(parse_template(source));
}

}  // namespace
}  // namespace cairn
