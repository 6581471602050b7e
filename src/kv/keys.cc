#include "kv/keys.h"

#include <algorithm>

#include "base/check.h"
#include "kv/sha256.h"

namespace cairn {
namespace {

static_assert(sizeof(TokenId) == 4, "token ids are hashed as they lie in memory");

void update_text(Sha256& hash, std::string_view text) {
  hash.update_u32(static_cast<std::uint32_t>(text.size())).update(text);
}

void update_tokens(Sha256& hash, std::span<const TokenId> tokens, std::span<const std::uint8_t> extras) {
  hash.update_u32(static_cast<std::uint32_t>(tokens.size())).update(tokens.data(), tokens.size_bytes());
  hash.update_u32(static_cast<std::uint32_t>(extras.size())).update(extras.data(), extras.size());
}

}  // namespace

PrincipalTag principal_tag(std::string_view tenant, std::string_view cache_salt) {
  PrincipalTag tag;
  if (tenant.empty() && cache_salt.empty()) return tag;
  Sha256 hash;
  hash.update("cairn.tenant.1");
  update_text(hash, tenant);
  update_text(hash, cache_salt);
  const Digest digest = hash.finish();
  std::copy_n(digest.bytes.begin(), tag.bytes.size(), tag.bytes.begin());
  return tag;
}

KeyChain::KeyChain(const Digest& store_root, const PrincipalTag& tenant, std::uint32_t chunk_tokens,
                   std::span<const std::uint8_t> extras)
    : chunk_tokens_(chunk_tokens), tenant_(tenant), extras_(extras.begin(), extras.end()) {
  CAIRN_CHECK(chunk_tokens > 0, "a chunk without tokens has no key");
  Sha256 hash;
  hash.update("cairn.root.1").update(store_root);
  const std::size_t salt_bytes = tenant.is_zero() ? 0 : tenant.bytes.size();
  hash.update_u32(static_cast<std::uint32_t>(salt_bytes)).update(tenant.bytes.data(), salt_bytes);
  last_.digest = hash.finish();
}

void KeyChain::append(std::span<const TokenId> tokens) {
  tokens_ += tokens.size();
  while (!tokens.empty()) {
    const std::size_t take = std::min<std::size_t>(tokens.size(), chunk_tokens_ - tail_.size());
    const auto part = tokens.first(take);
    tail_.insert(tail_.end(), part.begin(), part.end());
    tokens = tokens.subspan(take);
    if (tail_.size() == chunk_tokens_) close_chunk();
  }
}

void KeyChain::close_chunk() {
  Sha256 hash;
  ChunkId chunk;
  chunk.parent = last_;
  chunk.index = static_cast<std::uint32_t>(chunks_.size());
  chunk.tokens = chunk_tokens_;
  chunk.tenant = tenant_;
  hash.update("cairn.chunk.1").update(last_.digest);
  update_tokens(hash, tail_, extras_);
  chunk.key.digest = hash.finish();
  hash.update("cairn.tokens.1");
  update_tokens(hash, tail_, extras_);
  chunk.token_digest = hash.finish();
  last_ = chunk.key;
  chunks_.push_back(chunk);
  tail_.clear();
}

}  // namespace cairn
