// The tokenizer of a GGUF file is written whole: vocabulary, merges, splitter, special tokens, template.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/import.h"
#include "model/model_texts.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

struct Parsed {
  Json tokenizer, config;
};
Parsed parse(const test::GgufBuilder& builder) {
  const std::string bytes = builder.build();
  const auto gguf = GgufFile::parse(test::as_bytes(bytes));
  EXPECT_TRUE(gguf);
  const auto texts = import_tokenizer(*gguf, 128);
  EXPECT_TRUE(texts) << (texts ? "" : texts.error().detail);
  return {Json::parse(texts->tokenizer), Json::parse(texts->tokenizer_config)};
}

std::string refusal(const test::GgufBuilder& builder) {
  const std::string bytes = builder.build();
  const auto gguf = GgufFile::parse(test::as_bytes(bytes));
  EXPECT_TRUE(gguf);
  const auto texts = import_tokenizer(*gguf, 128);
  return texts ? "" : texts.error().detail;
}

test::GgufBuilder bare(const std::string& pre, const std::vector<std::string>& tokens,
                       const std::vector<std::int32_t>& kinds) {
  test::GgufBuilder gguf;
  gguf.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", pre).texts("tokenizer.ggml.tokens", tokens);
  return gguf.i32s("tokenizer.ggml.token_type", kinds);
}

TEST(ImportTokenizer, WritesSmolLm2sOwnSplitter) {
  const Parsed parsed = parse(test::tiny_llama());
  const Json& steps = parsed.tokenizer["pre_tokenizer"]["pretokenizers"];
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0], (Json{{"type", "Digits"}, {"individual_digits", true}}));
  EXPECT_EQ(steps[1]["type"], "ByteLevel");
  EXPECT_EQ(steps[1]["add_prefix_space"], false);
  EXPECT_EQ(steps[1]["use_regex"], true);
  EXPECT_EQ(parsed.tokenizer["decoder"]["type"], "ByteLevel");
  EXPECT_EQ(parsed.tokenizer["normalizer"], nullptr);
  EXPECT_EQ(parsed.tokenizer["post_processor"], nullptr);
}

TEST(ImportTokenizer, WritesVocabularyMergesAndAddedTokens) {
  const Parsed parsed = parse(test::tiny_llama());
  EXPECT_EQ(parsed.tokenizer["model"]["type"], "BPE");
  EXPECT_EQ(parsed.tokenizer["model"]["vocab"]["ab"], 6);
  EXPECT_EQ(parsed.tokenizer["model"]["vocab"].size(), 8u);
  EXPECT_EQ(parsed.tokenizer["model"]["merges"], Json::array({"a b"}));
  const Json& added = parsed.tokenizer["added_tokens"];
  ASSERT_EQ(added.size(), 4u);
  EXPECT_EQ(added[1]["content"], "<|im_start|>");
  EXPECT_EQ(added[1]["id"], 1);
  EXPECT_EQ(added[1]["special"], true);
  EXPECT_EQ(added[3]["special"], false);  // user-defined
}

TEST(ImportTokenizer, WritesNamesOfSpecialTokensAndTheTemplate) {
  const Parsed parsed = parse(test::tiny_llama());
  EXPECT_EQ(parsed.config["bos_token"], "<|im_start|>");
  EXPECT_EQ(parsed.config["eos_token"], "<|im_end|>");
  EXPECT_EQ(parsed.config["pad_token"], "<|im_end|>");
  EXPECT_EQ(parsed.config["unk_token"], "<|endoftext|>");
  EXPECT_EQ(parsed.config["chat_template"], "{{ messages }}");
  EXPECT_EQ(parsed.config["model_max_length"], 128);
  EXPECT_EQ(parsed.config["added_tokens_decoder"]["7"]["content"], "\"");
}

TEST(ImportTokenizer, OtherSplittersAndABeginningToken) {
  auto llama3 = bare("llama-bpe", {"<s>", "a"}, {3, 1}).texts("tokenizer.ggml.merges", {});
  const Parsed parsed = parse(llama3.u32("tokenizer.ggml.bos_token_id", 0).flag("tokenizer.ggml.add_bos_token", true));
  EXPECT_EQ(parsed.tokenizer["pre_tokenizer"]["pretokenizers"][0]["type"], "Split");
  EXPECT_EQ(parsed.tokenizer["model"]["ignore_merges"], true);
  EXPECT_EQ(parsed.tokenizer["post_processor"]["special_tokens"]["<s>"]["ids"], Json::array({0}));
  EXPECT_EQ(parsed.tokenizer["post_processor"]["single"][0]["SpecialToken"]["id"], "<s>");
  const Parsed qwen = parse(bare("qwen2", {"a"}, {1}).texts("tokenizer.ggml.merges", {}));
  EXPECT_EQ(qwen.tokenizer["normalizer"]["type"], "NFC");
}

TEST(ImportTokenizer, RefusesWhatItDoesNotKnow) {
  EXPECT_NE(refusal(bare("mystery", {"a"}, {1})).find("mystery"), std::string::npos);
  EXPECT_NE(refusal(test::GgufBuilder().text("tokenizer.ggml.model", "llama")).find("llama"), std::string::npos);
  EXPECT_NE(refusal(test::GgufBuilder()).find("tokenizer.ggml.model"), std::string::npos);
  EXPECT_NE(refusal(bare("smollm", {"a", "a"}, {1, 1})).find("twice"), std::string::npos);
  EXPECT_NE(refusal(bare("smollm", {"a"}, {1, 1})).find("unequal"), std::string::npos);
  EXPECT_NE(refusal(bare("smollm", {"a"}, {1}).texts("tokenizer.ggml.merges", {"ab"})).find("'ab'"), std::string::npos);
  EXPECT_NE(refusal(bare("smollm", {"\xff"}, {1}).texts("tokenizer.ggml.merges", {})).find("UTF-8"), std::string::npos);
  const auto lost = bare("smollm", {"a"}, {1}).texts("tokenizer.ggml.merges", {}).u32("tokenizer.ggml.bos_token_id", 9);
  EXPECT_NE(refusal(lost).find("bos_token_id"), std::string::npos);
}

}  // namespace
}  // namespace cairn
