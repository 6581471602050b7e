// Every prompt token is counted once, with the tier that gave it or the reason why none did.
#include "connector/tally.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace cairn {
namespace {

void missed(ChunkTally& tally, MissReason reason, std::uint32_t count) {
  tally.missed[static_cast<std::size_t>(reason)] = count;
}

TEST(Tally, NamesEachPart) {
  const std::vector<std::uint8_t> served{0, 1};
  TokenSources sources;
  sources.prompt_tokens = 64 * 8 + 10;
  sources.device_tokens = 32;
  sources.chunk_tokens = 64;
  sources.page_tokens = 16;
  sources.loaded = {32, 128};
  sources.served = served;
  sources.asked = true;
  sources.leased_chunks = 3;  // the third was lost at load
  sources.load_reason = MissReason::kVanished;
  missed(sources.lookup, MissReason::kSlower, 2);
  missed(sources.lookup, MissReason::kAbsent, 3);
  const TokenTally tally = tally_tokens(sources);
  EXPECT_EQ(tally.tier[0], 32u);
  EXPECT_EQ(tally.tier[1], 64u);
  const auto of = [&](MissReason reason) { return tally.missed[static_cast<std::size_t>(reason)]; };
  EXPECT_EQ(of(MissReason::kVanished), 64u);
  EXPECT_EQ(of(MissReason::kSlower), 128u);
  EXPECT_EQ(of(MissReason::kAbsent), 192u);
  EXPECT_EQ(of(MissReason::kTail), 10u);
}

TEST(Tally, TheTokenThatMustBeComputedTakesItsPageWithIt) {
  EXPECT_EQ(loadable_tokens(0, 64, 16), 0u);
  EXPECT_EQ(loadable_tokens(64, 64, 16), 48u);
  EXPECT_EQ(loadable_tokens(65, 64, 16), 64u);
  EXPECT_EQ(loadable_tokens(127, 64, 16), 64u);
  EXPECT_EQ(loadable_tokens(128, 64, 16), 112u);
}

TEST(Tally, AddsUpWhateverTheSources) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Random random(seed);
    TokenSources sources;
    sources.prompt_tokens = static_cast<std::uint32_t>(1 + random.below(1000));
    sources.device_tokens = static_cast<std::uint32_t>(random.below(sources.prompt_tokens + 1));
    sources.chunk_tokens = 64;
    sources.page_tokens = 16;
    const auto begin = static_cast<std::uint32_t>(random.below(sources.prompt_tokens));
    sources.loaded = {begin, begin + static_cast<std::uint32_t>(random.below(sources.prompt_tokens - begin + 1))};
    const std::vector<std::uint8_t> served(20, 2);
    sources.served = served;
    sources.asked = random.chance(0.8);
    sources.first_chunk = static_cast<std::uint32_t>(random.below(4));
    sources.leased_chunks = static_cast<std::uint32_t>(random.below(6));
    missed(sources.lookup, MissReason::kAbsent, 3);
    const TokenTally tally = tally_tokens(sources);
    std::uint64_t all = sources.device_tokens;
    for (const auto tokens : tally.tier) all += tokens;
    for (const auto tokens : tally.missed) all += tokens;
    ASSERT_EQ(all, sources.prompt_tokens) << seed;
    EXPECT_EQ(tally.missed[0], 0u);
  }
}

}  // namespace
}  // namespace cairn
