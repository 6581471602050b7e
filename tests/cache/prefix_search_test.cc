// The search finds exactly the stored prefix, whatever its length, in few rounds of at most 32 questions.
#include "cache/prefix_search.h"

#include <gtest/gtest.h>

#include <memory>

namespace cairn {
namespace {

struct Found {
  std::size_t length = 0;
  int rounds = 0;
};

template <class Present>
Found search(std::size_t known, std::size_t chunks, const Present& present) {
  PrefixSearch search(known, chunks);
  Found found;
  while (!search.done()) {
    const auto probes = search.probes();
    EXPECT_LE(probes.size(), PrefixSearch::kProbesMax);
    EXPECT_FALSE(probes.empty());
    auto answers = std::make_unique<bool[]>(probes.size());
    for (std::size_t i = 0; i < probes.size(); ++i) {
      if (i > 0) {
        EXPECT_LT(probes[i - 1], probes[i]);
      }
      EXPECT_GE(probes[i], known);
      EXPECT_LT(probes[i], chunks);
      answers[i] = present(probes[i]);
    }
    search.answer(probes, {answers.get(), probes.size()});
    ++found.rounds;
  }
  found.length = search.length();
  return found;
}

TEST(PrefixSearch, FindsEveryLengthOfEverySize) {
  for (std::size_t chunks = 0; chunks <= 600; chunks += chunks < 70 ? 1 : 53) {
    for (std::size_t stored = 0; stored <= chunks; ++stored) {
      const Found found = search(0, chunks, [&](std::size_t c) { return c < stored; });
      ASSERT_EQ(found.length, stored) << chunks;
      ASSERT_LE(found.rounds, chunks <= 32 ? 1 : 2) << chunks << " " << stored;
    }
  }
}

TEST(PrefixSearch, NeedsTwoRoundsFor512ChunksAndOneForAllOrNothing) {
  for (std::size_t stored = 0; stored <= 512; ++stored) {
    const Found found = search(0, 512, [&](std::size_t c) { return c < stored; });
    ASSERT_EQ(found.length, stored);
    ASSERT_LE(found.rounds, stored == 0 || stored == 512 ? 1 : 2) << stored;
  }
}

TEST(PrefixSearch, StartsBehindWhatIsKnown) {
  for (std::size_t stored = 40; stored <= 200; ++stored) {
    ASSERT_EQ(search(40, 200, [&](std::size_t c) { return c < stored; }).length, stored);
  }
}

TEST(PrefixSearch, NeverGoesBeyondAHoleThatItSaw) {
  for (std::size_t hole = 0; hole < 30; ++hole) {
    EXPECT_EQ(search(0, 30, [&](std::size_t c) { return c != hole; }).length, hole);
  }
  for (std::size_t hole = 0; hole < 512; ++hole) {  // many: seen or not, it ends
    EXPECT_LE(search(0, 512, [&](std::size_t c) { return c != hole; }).rounds, 3);
  }
}

}  // namespace
}  // namespace cairn
