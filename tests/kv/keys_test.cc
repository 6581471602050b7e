// A chunk key names root, tenant, extras and every token up to the chunk's end; nothing else changes it.
#include "kv/keys.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <unordered_set>

#include "base/bytes.h"
#include "kv/sha256.h"
#include "sample.h"

namespace cairn {
namespace {

using sample::counting_digest;
using sample::counting_tokens;

std::vector<ChunkId> chain_of(const Digest& root, PrincipalTag tenant, std::uint32_t chunk_tokens,
                              std::span<const TokenId> tokens, std::span<const std::uint8_t> extras = {}) {
  KeyChain chain(root, tenant, chunk_tokens, extras);
  chain.append(tokens);
  return {chain.complete().begin(), chain.complete().end()};
}

std::string u32(std::uint32_t value) {
  std::string bytes(4, '\0');
  store_le(bytes.data(), value);
  return bytes;
}
std::string raw(const Digest& digest) { return {digest.bytes.begin(), digest.bytes.end()}; }

// The definition, spelled out byte by byte.
TEST(KeyChain, FollowsTheDefinition) {
  const Digest root = counting_digest(9);
  PrincipalTag tenant = principal_tag("acme", "salt");
  const std::vector<TokenId> tokens = {5, 70000, 7, 8, 9};
  const std::vector<std::uint8_t> extras = {1, 2, 3};
  const auto chunks = chain_of(root, tenant, 2, tokens, extras);
  ASSERT_EQ(chunks.size(), 2u);

  const std::string salt(tenant.bytes.begin(), tenant.bytes.end());
  const Digest key_0 = sha256("cairn.root.1" + raw(root) + u32(16) + salt);
  const std::string first = u32(2) + u32(5) + u32(70000) + u32(3) + "\1\2\3";
  const Digest key_1 = sha256("cairn.chunk.1" + raw(key_0) + first);
  const std::string second = u32(2) + u32(7) + u32(8) + u32(3) + "\1\2\3";
  const Digest key_2 = sha256("cairn.chunk.1" + raw(key_1) + second);
  EXPECT_EQ(chunks[0].parent.digest, key_0);
  EXPECT_EQ(chunks[0].key.digest, key_1);
  EXPECT_EQ(chunks[0].token_digest, sha256("cairn.tokens.1" + first));
  EXPECT_EQ(chunks[1].parent.digest, key_1);
  EXPECT_EQ(chunks[1].key.digest, key_2);
  EXPECT_EQ(chunks[1].token_digest, sha256("cairn.tokens.1" + second));
  EXPECT_EQ(chunks[1].index, 1u);
  EXPECT_EQ(chunks[1].tokens, 2u);
  EXPECT_EQ(chunks[1].tenant, tenant);
}

TEST(KeyChain, AZeroTenantIsAnEmptySalt) {
  const Digest root = counting_digest(9);
  const auto chunks = chain_of(root, {}, 2, counting_tokens(1, 2));
  EXPECT_EQ(chunks[0].parent.digest, sha256("cairn.root.1" + raw(root) + u32(0)));
}

TEST(KeyChain, TheWayTokensArriveDoesNotMatter) {
  const auto tokens = counting_tokens(3, 1000);
  const auto whole = chain_of(counting_digest(1), {}, 64, tokens);
  ASSERT_EQ(whole.size(), 1000u / 64);
  for (const std::size_t piece : {1, 7, 63, 64, 65, 129, 999}) {
    KeyChain chain(counting_digest(1), {}, 64);
    for (std::size_t at = 0; at < tokens.size(); at += piece) {
      chain.append(std::span(tokens).subspan(at, std::min(piece, tokens.size() - at)));
    }
    EXPECT_EQ(chain.tokens(), tokens.size());
    EXPECT_TRUE(std::equal(whole.begin(), whole.end(), chain.complete().begin(), chain.complete().end())) << piece;
  }
}

TEST(KeyChain, TheUnfinishedTailHasNoKey) {
  KeyChain chain(counting_digest(1), {}, 256);
  chain.append(counting_tokens(1, 255));
  EXPECT_TRUE(chain.complete().empty());
  chain.append(counting_tokens(256, 1));
  EXPECT_EQ(chain.complete().size(), 1u);
  chain.append({});
  EXPECT_EQ(chain.complete().size(), 1u);
}

TEST(KeyChain, EveryIngredientChangesEveryLaterKey) {
  const auto tokens = counting_tokens(1, 8);
  auto other_tokens = tokens;
  other_tokens[0] ^= 1;
  const std::uint8_t extras[] = {1};
  std::set<ChunkKey> keys;
  keys.insert(chain_of(counting_digest(1), {}, 4, tokens)[1].key);
  keys.insert(chain_of(counting_digest(2), {}, 4, tokens)[1].key);
  keys.insert(chain_of(counting_digest(1), principal_tag("a", ""), 4, tokens)[1].key);
  keys.insert(chain_of(counting_digest(1), principal_tag("", "a"), 4, tokens)[1].key);
  keys.insert(chain_of(counting_digest(1), {}, 4, other_tokens)[1].key);
  keys.insert(chain_of(counting_digest(1), {}, 4, tokens, extras)[1].key);
  keys.insert(chain_of(counting_digest(1), {}, 8, tokens)[0].key);
  EXPECT_EQ(keys.size(), 7u);
}

TEST(KeyChain, ALaterTokenLeavesEarlierKeysAlone) {
  auto tokens = counting_tokens(1, 12);
  const auto before = chain_of(counting_digest(1), {}, 4, tokens);
  tokens[5] ^= 1;
  const auto after = chain_of(counting_digest(1), {}, 4, tokens);
  EXPECT_EQ(before[0], after[0]);
  EXPECT_NE(before[1].key, after[1].key);
  EXPECT_NE(before[1].token_digest, after[1].token_digest);
  EXPECT_NE(before[2].key, after[2].key);
  EXPECT_EQ(before[2].token_digest, after[2].token_digest);  // the same tokens, in another context
}

TEST(PrincipalTag, TenThousandPairsNeverMeet) {
  std::set<PrincipalTag> tags;
  for (int tenant = 0; tenant < 100; ++tenant) {
    for (int salt = 0; salt < 100; ++salt) {
      const std::string tenant_name = tenant == 0 ? "" : std::to_string(tenant);
      const std::string cache_salt = salt == 0 ? "" : std::to_string(salt);
      tags.insert(principal_tag(tenant_name, cache_salt));
    }
  }
  EXPECT_EQ(tags.size(), 10000u);
}

TEST(PrincipalTag, IsZeroOnlyWithoutTenantAndSaltAndCutsTextsApart) {
  EXPECT_TRUE(principal_tag("", "").is_zero());
  EXPECT_FALSE(principal_tag("a", "").is_zero());
  EXPECT_NE(principal_tag("ab", "c"), principal_tag("a", "bc"));
  const Digest whole = sha256("cairn.tenant.1" + u32(2) + "ab" + u32(1) + "c");
  EXPECT_EQ(to_hex(principal_tag("ab", "c")), to_hex(whole).substr(0, 32));
}

TEST(ChunkKey, HashesForUnorderedContainers) {
  std::unordered_set<ChunkKey> keys;
  for (const ChunkId& chunk : sample::chunks_of(sample::smollm_identity(), 20)) keys.insert(chunk.key);
  EXPECT_EQ(keys.size(), 20u);
}

}  // namespace
}  // namespace cairn
