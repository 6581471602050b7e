// A tokenizer.json is understood or refused by name: nothing that would change ids is passed over.
#include <gmock/gmock.h>

#include "text/small_model.h"

namespace cairn {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TokenizerJson, RefusesByName) {
  const auto with = [](const char* pointer, const json& value) {
    json file = small_tokenizer_json();
    file[json::json_pointer(pointer)] = value;
    return refusal(file);
  };
  EXPECT_THAT(with("/normalizer", {{"type", "Lowercase"}}), HasSubstr("normalizer Lowercase"));
  EXPECT_THAT(with("/pre_tokenizer", {{"type", "Metaspace"}}), HasSubstr("pre_tokenizer Metaspace"));
  EXPECT_THAT(with("/pre_tokenizer", nullptr), HasSubstr("without ByteLevel"));
  EXPECT_THAT(with("/pre_tokenizer/add_prefix_space", true), HasSubstr("add_prefix_space"));
  EXPECT_THAT(with("/decoder", {{"type", "Fuse"}}), HasSubstr("decoder Fuse"));
  EXPECT_THAT(with("/post_processor", {{"type", "BertProcessing"}}), HasSubstr("BertProcessing"));
  EXPECT_THAT(with("/model/type", "Unigram"), HasSubstr("Unigram"));
  EXPECT_THAT(with("/model/dropout", 0.1), HasSubstr("dropout"));
  EXPECT_THAT(with("/model/byte_fallback", true), HasSubstr("byte_fallback"));
  EXPECT_THAT(with("/model/end_of_word_suffix", "</w>"), HasSubstr("end_of_word_suffix"));
  EXPECT_THAT(with("/model/surprise", 1), HasSubstr("surprise"));
  EXPECT_THAT(with("/truncation", {{"max_length", 5}}), HasSubstr("truncation"));
  EXPECT_THAT(with("/surprise", 1), HasSubstr("surprise"));
}

TEST(TokenizerJson, RefusesBrokenTables) {
  json file = small_tokenizer_json();
  file["model"]["merges"].push_back("x y");
  EXPECT_THAT(refusal(file), HasSubstr("'x' + 'y'"));
  file = small_tokenizer_json();
  file["model"]["merges"].push_back("a b c");
  EXPECT_THAT(refusal(file), HasSubstr("two parts"));
  file = small_tokenizer_json();
  file["model"]["vocab"]["twice"] = 5;
  EXPECT_THAT(refusal(file), HasSubstr("two tokens"));
  file = small_tokenizer_json();
  file["model"]["vocab"]["far"] = 5'000'000;
  EXPECT_THAT(refusal(file), HasSubstr("far"));
  file = small_tokenizer_json();
  file["added_tokens"][0]["id"] = 5;
  EXPECT_THAT(refusal(file), HasSubstr("<bos>"));
  file = small_tokenizer_json();
  file["added_tokens"].push_back(file["added_tokens"][0]);
  EXPECT_THAT(refusal(file), HasSubstr("twice"));
  for (const char* text : {"", "[]", "{", "{}", "null", R"({"model":7})", R"({"model":{"vocab":[]}})", "\xFF"}) {
    EXPECT_FALSE(Tokenizer::parse({.tokenizer_json = text})) << text;
  }
}

TEST(TokenizerJson, MergesMayBePairs) {
  json file = small_tokenizer_json();
  for (json& merge : file["model"]["merges"]) {
    const std::string text = merge;
    merge = {text.substr(0, text.find(' ')), text.substr(text.find(' ') + 1)};
  }
  EXPECT_THAT(*make_tokenizer(file)->encode("abc"), ElementsAre(258));
}

TEST(TokenizerJson, NfcAppliesToTextAndToNormalizedTokens) {
  json file = small_tokenizer_json();
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}}}};
  file["added_tokens"][3]["content"] = "e\u0301!";
  file["added_tokens"][3]["normalized"] = true;
  const auto tokenizer = make_tokenizer(file);
  EXPECT_THAT(*tokenizer->encode("e\u0301"), ElementsAre(0xC3, 0xA9));
  EXPECT_THAT(*tokenizer->encode("\u00e9!"), ElementsAre(303));
}

}  // namespace
}  // namespace cairn
