// Property: a router can choose a worker from chunk keys and cache events alone, as a pure function over values.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "kv/keys.h"

namespace cairn {
namespace {

struct WorkerLoad {
  std::uint32_t worker = 0, running = 0;
};
using PrefixIndex = std::set<std::pair<std::uint32_t, ChunkKey>>;  // what each worker said that it stored

std::uint32_t choose_worker(std::span<const ChunkId> prompt, const PrefixIndex& index,
                            std::span<const WorkerLoad> workers) {
  const auto score = [&](const WorkerLoad& load) {
    std::int64_t chunks = 0;
    for (const ChunkId& chunk : prompt) {
      if (!index.contains({load.worker, chunk.key})) break;
      ++chunks;
    }
    return chunks * 256 - std::int64_t{load.running} * 64;
  };
  return std::max_element(workers.begin(), workers.end(),
                          [&](const auto& a, const auto& b) { return score(a) < score(b); })
      ->worker;
}

TEST(Router, ChoosesTheWorkerThatHoldsThePrefix) {
  std::vector<TokenId> tokens(1024);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i * 7);
  KeyChain chain(Digest{{1}}, PrincipalTag{}, 256);
  chain.append(tokens);
  ASSERT_EQ(chain.complete().size(), 4u);

  PrefixIndex index;
  for (const ChunkId& chunk : chain.complete().first(3)) index.insert({2, chunk.key});
  const std::vector<WorkerLoad> workers{{1, 0}, {2, 4}, {3, 0}};
  EXPECT_EQ(choose_worker(chain.complete(), index, workers), 2u);  // 3 chunks outweigh 4 running requests
  EXPECT_NE(choose_worker(chain.complete(), {}, workers), 2u);

  KeyChain salted(Digest{{1}}, principal_tag("", "salt"), 256);
  salted.append(tokens);
  EXPECT_NE(choose_worker(salted.complete(), index, workers), 2u);  // another tenant shares no key
}

}  // namespace
}  // namespace cairn
