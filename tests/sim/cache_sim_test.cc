// Whatever tiers do (delay, fail, hang, refuse, lose, corrupt, write late), the cache gives right bytes or fewer
// chunks, every operation comes back once, and every bound holds. Seeds replay.
#include "sim/cache_sim.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace cairn::test {
namespace {

constexpr std::uint64_t kWorlds = 2500, kBucketWorlds = CAIRN_SANITIZED ? 60 : 500;

std::vector<std::uint64_t> seeds() {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(std::string(CAIRN_SOURCE_DIR) + "/tests/sim/seeds.txt");
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') seeds.push_back(std::stoull(line));
  }
  EXPECT_FALSE(seeds.empty());
  const std::uint64_t first = random_u64();
  for (std::uint64_t i = 0; i < kWorlds; ++i) seeds.push_back(first + i);
  return seeds;
}

TEST(CacheSim, BytesAreRightOrFewerWhateverTheTiersDo) {
  std::uint64_t loaded = 0, saved = 0, lent = 0, held = 0;
  for (const std::uint64_t seed : seeds()) {
    CacheSim sim({.seed = seed});
    sim.run();
    ASSERT_EQ(sim.wrong, "") << "put the seed into tests/sim/seeds.txt";
    loaded += sim.chunks_loaded;
    saved += sim.chunks_saved;
    lent += sim.lends;
    held += sim.held_seen;
  }
  // The worlds do something: else nothing above was tested.
  EXPECT_GT(loaded, 5 * kWorlds);
  EXPECT_GT(saved, 5 * kWorlds);
  EXPECT_GT(lent, 0u);
  EXPECT_GT(held, 0u);
}

// The tier for buckets itself, its client and its retries, over a service that has any weather.
TEST(CacheSim, BytesAreRightOrFewerWhateverABucketDoes) {
  std::uint64_t loaded = 0, saved = 0;
  const std::vector<std::uint64_t> all = seeds();
  for (const std::uint64_t seed : std::span(all).last(kBucketWorlds)) {
    CacheSim sim({.seed = seed, .bucket = true});
    sim.run();
    ASSERT_EQ(sim.wrong, "") << "with a bucket";
    loaded += sim.chunks_loaded;
    saved += sim.chunks_saved;
  }
  EXPECT_GT(loaded, kBucketWorlds);
  EXPECT_GT(saved, kBucketWorlds);
}

TEST(CacheSim, ATierThatSwapsTheBytesOfTwoBlocksIsNoticed) {
  int noticed = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CacheSim sim({.seed = seed, .swaps_bytes = true});
    sim.run();
    noticed += sim.wrong.empty() ? 0 : 1;
  }
  EXPECT_GE(noticed, 18);
}

TEST(CacheSim, TheSameSeedGivesTheSameWorld) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CacheSim one({.seed = seed}), two({.seed = seed});
    one.run();
    two.run();
    EXPECT_EQ(one.chunks_loaded, two.chunks_loaded);
    EXPECT_EQ(one.chunks_saved, two.chunks_saved);
    EXPECT_EQ(one.held_seen, two.held_seen);
  }
}

}  // namespace
}  // namespace cairn::test
