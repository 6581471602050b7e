// What streams out is whole code points, and adds up to the decoded text whatever the bytes are.
#include "text/detokenizer.h"

#include "text/small_model.h"
#include "text/unicode.h"

namespace cairn {
namespace {

TEST(Detokenizer, HoldsBackHalfACodePoint) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  Detokenizer stream(*tokenizer);
  EXPECT_EQ(stream.push(0xF0), "");
  EXPECT_EQ(stream.push(0x9F), "");
  EXPECT_EQ(stream.push(0x98), "");
  EXPECT_EQ(stream.push(0x80), "\U0001F600");
  EXPECT_EQ(stream.push(0xE2), "");
  EXPECT_EQ(stream.push('x'), "\uFFFDx");
  EXPECT_EQ(stream.push(0xC3), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Detokenizer, EqualsDecodeForAnyBytes) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  std::uint32_t state = 7;
  for (int round = 0; round < 200; ++round) {
    std::vector<TokenId> ids;
    for (int i = 0; i < 30; ++i) {
      state = state * 1664525 + 1013904223;
      ids.push_back((state >> 16) % 305);  // some ids have no token
    }
    Detokenizer stream(*tokenizer);
    std::string text;
    for (const TokenId id : ids) {
      const std::string part = stream.push(id);
      ASSERT_TRUE(check_utf8(part));
      text += part;
    }
    ASSERT_EQ(text + stream.finish(), tokenizer->decode(ids));
  }
}

TEST(Detokenizer, ControlTokensAppearOnlyWhenAsked) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  EXPECT_EQ(Detokenizer(*tokenizer).push(300), "");
  EXPECT_EQ(Detokenizer(*tokenizer, {.skip_special = false}).push(300), "<bos>");
}

}  // namespace
}  // namespace cairn
