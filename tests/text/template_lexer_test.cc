// White space around tags goes as trim_blocks and lstrip_blocks say.
#include "text/template_lexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> texts(std::string_view source) {
  const auto tokens = lex_template(source);
  EXPECT_TRUE(tokens);
  std::vector<std::string> out;
  for (const TemplateToken& token : *tokens) {
    if (token.kind == TemplateToken::Kind::kText) out.push_back(token.text);
  }
  return out;
}

TEST(TemplateLexer, BlocksTakeTheirLineOutputsDoNot) {
  EXPECT_THAT(texts("a\n  {% x %}\nb\n"), ElementsAre("a\n", "b"));
  EXPECT_THAT(texts("a\n  {{ x }}\nb"), ElementsAre("a\n  ", "\nb"));
  EXPECT_THAT(texts("a {% x %} b"), ElementsAre("a ", " b"));
  EXPECT_THAT(texts("a\n {%+ x +%}\nb"), ElementsAre("a\n ", "\nb"));
  EXPECT_THAT(texts("a \n{%- x -%} \n b"), ElementsAre("a", "b"));
  EXPECT_THAT(texts("a{# c #}\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(texts("a\r\nb\r"), ElementsAre("a\nb"));
}

TEST(TemplateLexer, TokensCarryTheirLine) {
  const auto tokens = lex_template("a\n{{ 'b\\n' ~\n 1.5 }}");
  ASSERT_TRUE(tokens);
  ASSERT_EQ(tokens->size(), 7u);
  EXPECT_EQ((*tokens)[2].text, "b\n");
  EXPECT_EQ((*tokens)[2].line, 2u);
  EXPECT_EQ((*tokens)[4].text, "1.5");
  EXPECT_EQ((*tokens)[4].line, 3u);
}

TEST(TemplateLexer, OpenThingsAreErrors) {
  for (const char* source : {"{{ x", "{% x", "{# x", "{{ 'x }}", "{{ ) }}", "{{ ( }}", "{{ ` }}", "{{ '\\ud800' }}",
                             "{{ '\\xg0' }}", "{{ '", "{{ '\\", "{{ 1e5 }}", "{% raw %}x{% endraw %}"}) {
    EXPECT_FALSE(lex_template(source)) << source;
  }
}

}  // namespace
}  // namespace cairn
