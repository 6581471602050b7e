// Messages become the prompt that the template says; what it cannot mean is an error, and every bound holds.
#include "text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/render.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(ChatTemplate, RendersMessagesAndVariables) {
  ChatRequest request{.messages = {{"user", "Hi", R"({"name": "Ann"})"}},
                      .bos_token = "<s>",
                      .tools_json = R"([{"b": 1, "a": [1.5, null]}])",
                      .variables_json = R"({"deep": {"x": true}})"};
  EXPECT_EQ(render("{{ bos_token }}{{ messages[0].name }}:{{ messages[0].content }} {{ tools | tojson }} {{ deep.x }}"
                   "{{ '!' if add_generation_prompt }}",
                   request),
            "<s>Ann:Hi [{\"b\": 1, \"a\": [1.5, null]}] True!");
}

TEST(ChatTemplate, TheClockIsOnlyThereWhenGiven) {
  const char* source = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}none{% endif %}";
  EXPECT_EQ(render(source), "none");
  EXPECT_EQ(render(source, {.now_unix_s = 86400}), "02 Jan 1970");
}

TEST(ChatTemplate, RefusesUnknownConstructsByNameAndLine) {
  EXPECT_THAT(render("\n{% include 'x' %}"), HasSubstr("refused: chat template line 2: 'include'"));
  EXPECT_THAT(render("{{ x | frobnicate }}"), HasSubstr("filter 'frobnicate'"));
  EXPECT_THAT(render("{{ x is frobbed }}"), HasSubstr("test 'frobbed'"));
  EXPECT_THAT(render("{{ x.frob() }}"), HasSubstr("method 'frob'"));
  EXPECT_THAT(render("{{ frob(1) }}"), HasSubstr("function 'frob'"));
  EXPECT_THAT(render("{{ 2 ** 3 }}"), HasSubstr("'**'"));
}

TEST(ChatTemplate, RefusalsOfTheTemplateAreErrors) {
  EXPECT_THAT(render("{{ raise_exception('roles must alternate') }}"),
              HasSubstr("error: chat template line 1: the chat template refuses the messages: roles must alternate"));
}

TEST(ChatTemplate, BoundsEndEveryRendering) {
  EXPECT_THAT(render("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"),
              HasSubstr("error"));
  EXPECT_THAT(
      render("{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"),
      HasSubstr("memory"));
  EXPECT_THAT(render("{{ 'x' * 9223372036854775807 }}"), HasSubstr("error"));
  EXPECT_THAT(render("{% set x = 'y' * 60000000 %}{{ x }}{{ x }}"), HasSubstr("error"));
  EXPECT_THAT(render("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), HasSubstr("too deeply"));
  EXPECT_THAT(render("{{ " + std::string(10000, '(') + "1" + std::string(10000, ')') + " }}"), HasSubstr("too deeply"));
  EXPECT_THAT(render("{{ 1" + std::string(3000, '|') + " }}"), HasSubstr("refused"));
  std::string chain = "{{ x";
  for (int i = 0; i < 5000; ++i) chain += ".y";
  EXPECT_THAT(render(chain + " }}"), HasSubstr("too deeply"));
}

TEST(ChatTemplate, BrokenInputIsAnError) {
  EXPECT_THAT(render("{{ 1 }}", {.messages = {{"user", "\xFF", ""}}}), HasSubstr("UTF-8"));
  EXPECT_THAT(render("{{ 1 }}", {.messages = {{"user", "x", "[]"}}}), HasSubstr("must be an object"));
  EXPECT_THAT(render("{{ 1 }}", {.tools_json = "{"}), HasSubstr("tools"));
  EXPECT_FALSE(ChatTemplate::parse("\xFF"));
}

}  // namespace
}  // namespace cairn
