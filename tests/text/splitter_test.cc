// Pieces are the matches of the published expressions and what lies between, and always add up to the text.
#include "text/splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(const std::vector<std::string>& patterns, const std::string& text) {
  const auto splitter = Splitter::make(patterns);
  EXPECT_TRUE(splitter);
  std::vector<std::string_view> pieces;
  EXPECT_TRUE(splitter->split(text, pieces));
  return {pieces.begin(), pieces.end()};
}
const std::string kGpt2{gpt2_split_pattern()};

TEST(Splitter, Gpt2CutsWordsNumbersAndSpaces) {
  EXPECT_THAT(split({kGpt2}, "I'll see  42 caf\u00e9s!\n\n x"),
              ElementsAre("I", "'ll", " see", " ", " 42", " caf\u00e9s", "!", "\n\n", " x"));
}

TEST(Splitter, StepsFollowEachOtherAndSeeOnlyTheirPiece) {
  EXPECT_THAT(split({R"(\p{N})", kGpt2}, "a  12"), ElementsAre("a", "  ", "1", "2"));
  EXPECT_THAT(split({}, "a b"), ElementsAre("a b"));
  EXPECT_THAT(split({kGpt2}, ""), ElementsAre());
}

TEST(Splitter, WhiteSpaceIsUnicodesNotTheLibrarys) {
  EXPECT_THAT(split({R"(\s+)"}, "a\u180e\u3000b"), ElementsAre("a\u180e", "\u3000", "b"));
  EXPECT_THAT(split({R"([^\s]+)"}, "a\u0085b"), ElementsAre("a", "\u0085", "b"));
  EXPECT_THAT(split({R"(\S+)"}, "a b"), ElementsAre("a", " ", "b"));
}

TEST(Splitter, EmptyMatchesCutNothing) { EXPECT_THAT(split({"x*"}, "a\u00e9xxb"), ElementsAre("a\u00e9", "xx", "b")); }

TEST(Splitter, RefusesWhatDoesNotCompile) {
  const auto broken = Splitter::make({"a(b"});
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().detail.find("a(b"), std::string::npos);
  EXPECT_FALSE(Splitter::make(std::vector<std::string>(kSplitStepsMax + 1, "a")));
}

TEST(Splitter, CatastrophicPatternEndsWithAnError) {
  const auto splitter = Splitter::make({"(a+)+$"});
  ASSERT_TRUE(splitter);
  std::vector<std::string_view> pieces;
  const std::string text = std::string(40, 'a') + "b";
  EXPECT_FALSE(splitter->split(text, pieces));
}

}  // namespace
}  // namespace cairn
