// The filler has exactly the words asked for; with a seed it is the same for the same reader and different for others.
#include "bench/qa_prompt.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace cairn {
namespace {

std::size_t words_of(const std::string& text) {
  std::istringstream in(text);
  std::size_t words = 0;
  for (std::string word; in >> word;) ++words;
  return words;
}

TEST(QaPrompt, WithoutASeedEveryWordIsHi) {
  EXPECT_EQ(system_filler(3, std::nullopt), "hi hi hi");
  EXPECT_EQ(history_filler(2, std::nullopt, 7), "hi hi");
  EXPECT_EQ(system_filler(0, std::nullopt), "");
}

TEST(QaPrompt, ASeedGivesTheSameNumberOfWords) {
  for (const std::uint32_t words : {0u, 1u, 2u, 500u}) {
    EXPECT_EQ(words_of(system_filler(words, 5)), words);
    EXPECT_EQ(words_of(history_filler(words, 5, 3)), words);
    EXPECT_EQ(words_of(answer_filler(words, 5, 3, 2)), words);
  }
}

TEST(QaPrompt, ASeedIsRepeatableAndItsTextsAreUnique) {
  EXPECT_EQ(history_filler(100, 9, 1), history_filler(100, 9, 1));
  std::set<std::string> texts;
  for (const std::uint64_t seed : {0ull, 1ull, ~0ull}) {
    texts.insert(system_filler(100, seed));
    for (std::uint32_t user = 1; user <= 50; ++user) {
      texts.insert(history_filler(100, seed, user));
      for (std::uint32_t question = 1; question <= 20; ++question) {
        texts.insert(answer_filler(100, seed, user, question));
      }
    }
  }
  EXPECT_EQ(texts.size(), 3u * (1 + 50 + 50 * 20));
}

TEST(QaPrompt, AShorterFillerIsThePrefixOfALongerOne) {
  const std::string longer = history_filler(50, 9, 1), shorter = history_filler(20, 9, 1);
  EXPECT_TRUE(longer.starts_with(shorter));
}

TEST(QaPrompt, UsersShareTheTextUpToTheirId) {
  const std::string a = chat_opening("s", 1, "x"), b = chat_opening("s", 2, "y");
  EXPECT_EQ(a.substr(0, a.find("1")), b.substr(0, b.find("2")));
  EXPECT_EQ(a, "Hi, here's some system prompt: s.For user 1, here are some other context: x.");
}

TEST(QaPrompt, AWarmUpChatIsNoChatOfTheWorkload) {
  EXPECT_TRUE(warm_up_text(3).starts_with("WARMUP"));
  EXPECT_NE(warm_up_text(3), warm_up_text(4));
  EXPECT_GE(words_of(warm_up_text(0)), 100u);
}

}  // namespace
}  // namespace cairn
