// The leftmost, longest added token is cut out; its flags decide where and with how much white space.
#include "text/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> split(std::string_view text, bool skip_special = false) {
  AddedTokenMatcher matcher;
  for (const AddedToken& token : std::vector<AddedToken>{{.id = 1, .content = "<s>", .special = true},
                                                         {.id = 2, .content = "<st"},
                                                         {.id = 3, .content = "<step"},
                                                         {.id = 4, .content = "cat", .single_word = true},
                                                         {.id = 5, .content = "[L]", .left_strip = true},
                                                         {.id = 6, .content = "[R]", .right_strip = true}}) {
    matcher.add(token, token.content);
  }
  std::vector<TextRun> runs;
  matcher.split(text, skip_special, runs);
  std::vector<std::string> out;
  for (const TextRun& run : runs)
    out.push_back((run.token ? std::to_string(*run.token) + ":" : "") + std::string(run.text));
  return out;
}

TEST(AddedTokens, LongestWinsAndTheRestStaysText) {
  EXPECT_THAT(split("x<stepy<st<s>"), ElementsAre("x", "3:<step", "y", "2:<st", "1:<s>"));
  EXPECT_THAT(split("<ste<"), ElementsAre("2:<st", "e<"));
  EXPECT_THAT(split(""), ElementsAre());
}

TEST(AddedTokens, SingleWordsNeedAnEdgeOnBothSides) {
  EXPECT_THAT(split("cat cats \u00e9cat (cat)"), ElementsAre("4:cat", " cats \u00e9cat (", "4:cat", ")"));
}

TEST(AddedTokens, StripSwallowsWhiteSpaceOnce) {
  EXPECT_THAT(split("a \n[L] b [R]\u3000 c"), ElementsAre("a", "5: \n[L]", " b ", "6:[R]\u3000 ", "c"));
  EXPECT_THAT(split("[R]  [L]"), ElementsAre("6:[R]  ", "5:[L]"));
}

TEST(AddedTokens, ControlTokensCanBePlainText) { EXPECT_THAT(split("<s>a<st", true), ElementsAre("<s>a", "2:<st")); }

}  // namespace
}  // namespace cairn
