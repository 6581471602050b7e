// Text becomes ids as the file says, any bytes are safe, and what decodes is what was encoded.
#include "text/tokenizer.h"

#include <gmock/gmock.h>

#include "text/small_model.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;

std::vector<TokenId> encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options = {}) {
  const auto ids = tokenizer.encode(text, options);
  EXPECT_TRUE(ids);
  return ids ? *ids : std::vector<TokenId>();
}

TEST(Tokenizer, MergesWithinPiecesAndCutsAddedTokensOut) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  EXPECT_THAT(encode(*tokenizer, "abc abc"), ElementsAre(258, 261));
  EXPECT_THAT(encode(*tokenizer, "ab<bos>x"), ElementsAre(256, 300, 'x'));
  EXPECT_THAT(encode(*tokenizer, "a  <t>"), ElementsAre('a', 302));
  EXPECT_THAT(encode(*tokenizer, "<eos>\n b"), ElementsAre(301, 'b'));
  EXPECT_THAT(encode(*tokenizer, "<bos>", {.parse_special = false}), ElementsAre('<', 'b', 'o', 's', '>'));
  EXPECT_THAT(encode(*tokenizer, ""), ElementsAre());
}

TEST(Tokenizer, BeginTokenOnlyWhenAsked) {
  auto file = small_tokenizer_json();
  file["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {{{"SpecialToken", {{"id", "<bos>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}}}}}},
      {"special_tokens", {{"<bos>", {{"id", "<bos>"}, {"ids", {300}}, {"tokens", {"<bos>"}}}}}}};
  const auto tokenizer = make_tokenizer(file);
  EXPECT_THAT(encode(*tokenizer, "x"), ElementsAre(300, 'x'));
  EXPECT_THAT(encode(*tokenizer, "x", {.add_special_tokens = false}), ElementsAre('x'));
}

TEST(Tokenizer, BrokenUtf8IsAnErrorThatSaysWhere) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  for (const char* bad : {"ok\xFF", "ok\xED\xA0\x80", "ok\xE2\x82"}) {
    const auto ids = tokenizer->encode(bad);
    ASSERT_FALSE(ids);
    EXPECT_EQ(ids.error().code, ErrorCode::kInvalid);
    EXPECT_NE(ids.error().detail.find("byte 2"), std::string::npos);
  }
}

TEST(Tokenizer, DecodingGivesTheTextBack) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  for (const std::string text : {"abc  aaaa\n\t caf\u00e9 \U0001F600 1234", "   ", "\r\n\r\n"}) {
    EXPECT_EQ(tokenizer->decode(encode(*tokenizer, text)), text);
  }
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{300, 'a', 299, 9999}), "a");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{300, 'a'}, {.skip_special = false}), "<bos>a");
}

TEST(Tokenizer, OneMebibyteOfOneLetterEnds) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  EXPECT_EQ(encode(*tokenizer, std::string(1 << 20, 'a')).size(), (1u << 20) / 4);
  EXPECT_EQ(encode(*tokenizer, std::string(1 << 20, ' ')).size(), 1u << 20);
}

TEST(Tokenizer, NamesAndIds) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  EXPECT_EQ(tokenizer->vocab_size(), 304u);
  EXPECT_EQ(tokenizer->token_to_id("abc"), 258u);
  EXPECT_EQ(tokenizer->token_to_id("<bos>"), 300u);
  EXPECT_EQ(tokenizer->token_to_id("nope"), std::nullopt);
  EXPECT_EQ(tokenizer->id_to_token(258), "abc");
  EXPECT_EQ(tokenizer->id_to_token(299), std::nullopt);
  EXPECT_TRUE(tokenizer->is_special(300) && !tokenizer->is_special(302) && !tokenizer->is_special(99999));
  EXPECT_EQ(tokenizer->token_bytes(32), " ");
}

TEST(Tokenizer, AMissingFolderIsSaid) {
  const auto tokenizer = Tokenizer::load("/nonexistent/model");
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace cairn
