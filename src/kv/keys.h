// Names of cached KV: chunk keys as a chain of digests (system.md of the design; docs/format.md section "Keys").
// key_0 = SHA-256("cairn.root.1" ‖ store_root ‖ u32 len ‖ salt);
// key_i = SHA-256("cairn.chunk.1" ‖ key_{i-1} ‖ u32 n ‖ n × u32 token ‖ u32 len ‖ extras), all little-endian.
// Equal keys mean interchangeable KV: same root, same tenant, same tokens up to the chunk's end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"

namespace cairn {

struct ChunkKey {
  Digest digest;
  auto operator<=>(const ChunkKey&) const = default;
};

// What a KeyChain yields for one whole chunk. Lookup, Save and every batch row carry it; `get` compares all of it
// with the block's header. Chunk `index` c (from 0) has key_{c+1} and parent key_c.
struct ChunkId {
  ChunkKey key, parent;
  Digest token_digest;  // SHA-256("cairn.tokens.1" ‖ u32 n ‖ tokens ‖ u32 len ‖ extras)
  std::uint32_t index = 0;
  std::uint32_t tokens = 0;
  PrincipalTag tenant;
  auto operator<=>(const ChunkId&) const = default;
};

// The unit that every tier stores: one chunk for one cell of the store's grid.
struct KvBlockId {
  ChunkId chunk;
  std::uint32_t shard = 0;
  auto operator<=>(const KvBlockId&) const = default;
};

// First 16 bytes of SHA-256("cairn.tenant.1" ‖ u32 len ‖ tenant ‖ u32 len ‖ cache_salt); zero when both are empty.
PrincipalTag principal_tag(std::string_view tenant, std::string_view cache_salt);

// Owned by one sequence; hashes each token once for the whole life of the request. One thread.
class KeyChain {
 public:
  // The salt of key_0 is empty for a zero tenant, else its 16 bytes. `extras`: type-length-value records that
  // overlap every chunk (LoRA digest); empty in the common case.
  KeyChain(const Digest& store_root, const PrincipalTag& tenant, std::uint32_t chunk_tokens,
           std::span<const std::uint8_t> extras = {});
  void append(std::span<const TokenId> tokens);
  std::span<const ChunkId> complete() const { return chunks_; }  // the unfinished tail has no key
  std::size_t tokens() const { return tokens_; }

 private:
  void close_chunk();

  std::uint32_t chunk_tokens_;
  std::size_t tokens_ = 0;
  PrincipalTag tenant_;
  ChunkKey last_;
  std::vector<std::uint8_t> extras_;
  std::vector<TokenId> tail_;
  std::vector<ChunkId> chunks_;
};

}  // namespace cairn

template <>
struct std::hash<cairn::ChunkKey> {
  std::size_t operator()(const cairn::ChunkKey& key) const noexcept { return std::hash<cairn::Digest>{}(key.digest); }
};
