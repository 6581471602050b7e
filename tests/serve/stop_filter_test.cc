// Property: what leaves is the text up to the first complete stop string, however the text was cut into pieces.
#include "serve/stop_filter.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace cairn {
namespace {

std::string run(const std::vector<std::string>& stops, const std::vector<std::string>& pieces,
                std::string* matched = nullptr, bool keep = false) {
  StopFilter filter(stops, keep);
  std::string text;
  for (const std::string& piece : pieces) {
    const auto out = filter.push(piece);
    text += out.text;
    if (out.stopped) break;
  }
  if (filter.matched().empty()) text += filter.finish();
  if (matched != nullptr) *matched = filter.matched();
  return text;
}

TEST(StopFilter, HoldsBackOnlyWhatMayBeAStop) {
  StopFilter filter({"STOP"});
  EXPECT_EQ(filter.push("abcS").text, "abc");
  EXPECT_EQ(filter.push("T").text, "");
  EXPECT_EQ(filter.push("x").text, "STx");
  EXPECT_EQ(filter.push("ST").text, "");
  EXPECT_EQ(filter.finish(), "ST");
}

TEST(StopFilter, NothingLeavesAfterAStop) {
  StopFilter filter({"."});
  EXPECT_TRUE(filter.push("a.b").stopped);
  EXPECT_EQ(filter.matched(), ".");
  EXPECT_EQ(filter.push("c").text, "");
  EXPECT_TRUE(filter.push("c").stopped);
  EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilter, KeepsTheStopWhenAsked) { EXPECT_EQ(run({"END"}, {"one E", "ND two"}, nullptr, true), "one END"); }

TEST(StopFilter, OverlappingBeginningsAreFound) {
  EXPECT_EQ(run({"aab"}, {"a", "a", "a", "b"}), "a");
  EXPECT_EQ(run({"abab"}, {"ab", "ac", "abab"}), "abac");
}

TEST(StopFilter, TheCutsNeverMatter) {
  Random random(3);
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (std::uint64_t i = random.below(30); i > 0; --i) text += static_cast<char>('a' + random.below(3));
    std::vector<std::string> stops;
    for (std::uint64_t i = 1 + random.below(3); i > 0; --i) {
      std::string stop;
      for (std::uint64_t j = 1 + random.below(4); j > 0; --j) stop += static_cast<char>('a' + random.below(3));
      stops.push_back(stop);
    }
    // By hand: the match that ends first; of those, the one that begins first.
    std::string expected = text, expected_stop;
    std::size_t best_end = std::string::npos, best_begin = 0;
    for (const std::string& stop : stops) {
      const auto at = text.find(stop);
      if (at == std::string::npos) continue;
      const auto end = at + stop.size();
      if (end < best_end || (end == best_end && at < best_begin)) {
        best_end = end;
        best_begin = at;
        expected = text.substr(0, at);
        expected_stop = stop;
      }
    }
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = std::min<std::size_t>(text.size() - at, 1 + random.below(5));
      pieces.push_back(text.substr(at, size));
      at += size;
    }
    std::string matched;
    EXPECT_EQ(run(stops, pieces, &matched), expected) << text;
    EXPECT_EQ(matched, expected_stop);
  }
}

}  // namespace
}  // namespace cairn
