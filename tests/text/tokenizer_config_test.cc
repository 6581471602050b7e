// Begin, end and chat template come from the files beside tokenizer.json.
#include <gmock/gmock.h>

#include "text/small_model.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;

Result<std::unique_ptr<Tokenizer>> parse(std::string config, std::string generation = "", std::string jinja = "") {
  return Tokenizer::parse({small_tokenizer_json().dump(), std::move(config), std::move(generation), std::move(jinja)});
}

TEST(TokenizerConfig, NamesBeginAndEnd) {
  const auto tokenizer = parse(R"({"bos_token": "<bos>", "eos_token": {"content": "<eos>", "lstrip": false}})",
                               R"({"eos_token_id": [301, 302]})");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ((*tokenizer)->bos_id(), 300u);
  EXPECT_EQ((*tokenizer)->bos_token(), "<bos>");
  EXPECT_EQ((*tokenizer)->eos_token(), "<eos>");
  EXPECT_THAT((*tokenizer)->eos_ids(), ElementsAre(301, 302));
}

TEST(TokenizerConfig, AbsentFilesLeaveThemOut) {
  const auto tokenizer = parse("", R"({"eos_token_id": 301})");
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ((*tokenizer)->bos_id(), std::nullopt);
  EXPECT_THAT((*tokenizer)->eos_ids(), ElementsAre(301));
  EXPECT_EQ((*tokenizer)->chat_template(), "");
}

TEST(TokenizerConfig, ChatTemplateFromTextListOrFile) {
  EXPECT_EQ((*parse(R"({"chat_template": "a"})"))->chat_template(), "a");
  EXPECT_EQ((*parse(R"({"chat_template": [{"name": "x", "template": "b"}, {"name": "default", "template": "c"}]})"))
                ->chat_template(),
            "c");
  EXPECT_EQ((*parse(R"({"chat_template": "a"})", "", "file"))->chat_template(), "file");
}

TEST(TokenizerConfig, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(parse(R"({"bos_token": "<unknown>"})"));
  EXPECT_FALSE(parse(R"({"chat_template": 5})"));
  EXPECT_FALSE(parse("not json"));
  EXPECT_FALSE(parse("", R"({"eos_token_id": "x"})"));
}

}  // namespace
}  // namespace cairn
