// Merges are applied by rank, then from the left, in time that stays near linear.
#include "text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn {
namespace {

using ::testing::ElementsAre;

Bpe make(BpeConfig config = {}) {
  config.vocabulary = {{"a", 0},   {"b", 1},  {"c", 2},    {"ab", 3}, {"bc", 4},
                       {"abc", 5}, {"aa", 6}, {"aaaa", 7}, {"?", 8}};
  config.merges = {{1, 2, 4}, {0, 1, 3}, {0, 4, 5}, {0, 0, 6}, {6, 6, 7}};
  return Bpe::make(std::move(config));
}
std::vector<TokenId> encode(const Bpe& bpe, std::string_view piece) {
  Bpe::Scratch scratch;
  std::vector<TokenId> ids;
  bpe.encode(piece, scratch, ids);
  return ids;
}

TEST(Bpe, LowestRankFirstThenLeftmost) {
  EXPECT_THAT(encode(make(), "abc"), ElementsAre(5));
  EXPECT_THAT(encode(make(), "abb"), ElementsAre(3, 1));
  EXPECT_THAT(encode(make(), "aaa"), ElementsAre(6, 0));
  EXPECT_THAT(encode(make(), "aaaaa"), ElementsAre(7, 0));
  EXPECT_THAT(encode(make(), "abcabc"), ElementsAre(5, 5));
}

TEST(Bpe, UnknownBytesVanishOrBecomeTheUnknownToken) {
  EXPECT_THAT(encode(make(), "azzb"), ElementsAre(3));
  EXPECT_THAT(encode(make({.unknown = 8}), "azzb"), ElementsAre(0, 8, 8, 1));
  EXPECT_THAT(encode(make({.unknown = 8, .fuse_unknown = true}), "azzb"), ElementsAre(0, 8, 1));
}

TEST(Bpe, AWholeTokenIsTakenWithoutMergesOnlyWhenAsked) {
  BpeConfig config{.vocabulary = {{"a", 0}, {"b", 1}, {"ab", 2}}};
  EXPECT_THAT(encode(Bpe::make(config), "ab"), ElementsAre(0, 1));
  config.ignore_merges = true;
  EXPECT_THAT(encode(Bpe::make(config), "ab"), ElementsAre(2));
}

TEST(Bpe, OneMebibyteOfOneLetterEnds) { EXPECT_EQ(encode(make(), std::string(1 << 20, 'a')).size(), (1u << 20) / 4); }

TEST(Bpe, SpellingIsABijectionOfBytes) {
  std::string bytes;
  for (int b = 0; b < 256; ++b) bytes += static_cast<char>(b);
  EXPECT_EQ(byte_level_bytes(byte_level_spelling(bytes)), bytes);
  EXPECT_EQ(byte_level_spelling(" \n"), "\u0120\u010a");
  EXPECT_EQ(byte_level_bytes("\u4e16"), std::nullopt);
}

}  // namespace
}  // namespace cairn
