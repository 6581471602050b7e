// Property: an object store stands behind the same lookup: the k-ary search needs nothing but parallel "is it there",
// so a chain of 512 chunks costs two round trips of at most 32 requests.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "cache/prefix_search.h"
#include "kv/keys.h"

namespace cairn {
namespace {

// Stands for a bucket: HEAD requests in rounds.
struct Bucket {
  std::set<std::string> objects;
  std::size_t rounds = 0, requests = 0;
  bool head(const ChunkKey& key) { return ++requests, objects.contains(to_hex(key.digest)); }
};

TEST(ObjectTier, FindsAPrefixOf512ChunksInTwoRounds) {
  KeyChain chain(Digest{{3}}, PrincipalTag{}, 16);
  chain.append(std::vector<TokenId>(512 * 16, 5));
  for (const std::size_t stored :
       {std::size_t{0}, std::size_t{1}, std::size_t{255}, std::size_t{511}, std::size_t{512}}) {
    Bucket bucket;
    for (std::size_t i = 0; i < stored; ++i) bucket.objects.insert(to_hex(chain.complete()[i].key.digest));
    PrefixSearch search(0, 512);
    while (!search.done()) {
      const std::vector<std::size_t> probes = search.probes();
      std::array<bool, PrefixSearch::kProbesMax> present{};
      for (std::size_t i = 0; i < probes.size(); ++i) present[i] = bucket.head(chain.complete()[probes[i]].key);
      search.answer(probes, {present.data(), probes.size()});
      ++bucket.rounds;
    }
    EXPECT_EQ(search.length(), stored);
    EXPECT_LE(bucket.rounds, 2u);
    EXPECT_LE(bucket.requests, 64u);
  }
}

}  // namespace
}  // namespace cairn
