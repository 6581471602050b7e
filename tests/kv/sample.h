// Stores and blocks that the tests of this room share: one of the shape of SmolLM2-135M, and one small enough to be
// printed (the worked example of docs/format.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "kv/header.h"
#include "kv/identity.h"
#include "kv/keys.h"
#include "kv/layout.h"

namespace cairn::sample {

inline Digest counting_digest(std::uint8_t first) {
  Digest digest;
  std::iota(digest.bytes.begin(), digest.bytes.end(), first);
  return digest;
}

inline StoreIdentity smollm_identity() {
  StoreIdentity identity;
  identity.model_fingerprint = counting_digest(1);
  identity.architecture = "llama";
  identity.hidden = 576;
  identity.layout.geometry.groups = {{.layers = 30, .planes = 2, .heads = 3, .dim = 64, .dtype = KvDtype::kBf16}};
  identity.rope.theta = 100000.0;
  identity.rope.rotary_dim = 64;
  identity.numerics_class = "t32-v1";
  return identity;
}

inline StoreIdentity tiny_identity() {
  StoreIdentity identity = smollm_identity();
  identity.hidden = 32;
  identity.layout.geometry.groups = {{.layers = 2, .planes = 2, .heads = 1, .dim = 16, .dtype = KvDtype::kBf16}};
  identity.layout.page_tokens = 4;
  identity.layout.chunk_tokens = 8;
  identity.rope.theta = 10000.0;
  identity.rope.rotary_dim = 16;
  return identity;
}

inline BlockLayout layout_of(const StoreIdentity& identity) {
  auto layout = BlockLayout::make(identity.layout);
  CAIRN_CHECK(layout.has_value(), "a sample layout must be valid");
  return *layout;
}

inline std::vector<TokenId> counting_tokens(TokenId first, std::size_t count) {
  std::vector<TokenId> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

inline std::vector<ChunkId> chunks_of(const StoreIdentity& identity, std::size_t count, PrincipalTag tenant = {}) {
  KeyChain chain(store_root(identity), tenant, identity.layout.chunk_tokens);
  chain.append(counting_tokens(1, count * identity.layout.chunk_tokens));
  return {chain.complete().begin(), chain.complete().end()};
}

// The payload of one block: byte i of page p is (31·p + 7·i + i / 256) mod 256, and zero behind the page's last tile.
inline std::vector<std::byte> payload_of(const BlockLayout& layout, std::uint32_t shard) {
  const KvRange range = layout.cell(shard);
  std::vector<std::byte> payload(layout.block_bytes(shard));
  for (std::uint64_t page = 0; page < layout.pages_per_chunk(); ++page) {
    for (std::uint64_t i = 0; i < layout.page_bytes(range); ++i) {
      payload[page * layout.page_stride(range) + i] = static_cast<std::byte>((31 * page + 7 * i + i / 256) & 255);
    }
  }
  return payload;
}

// Header and payload as they lie in the file.
inline std::vector<std::byte> file_of(const StoreIdentity& identity, const KvBlockId& id) {
  const BlockLayout layout = layout_of(identity);
  const std::vector<std::byte> payload = payload_of(layout, id.shard);
  BlockHeader header = make_header(store_root(identity), layout, id);
  const ByteSpan spans[] = {payload};
  seal(header, spans);
  std::vector<std::byte> file(header.file_bytes());
  encode_header(header, std::span<std::byte, kHeaderBytes>(file.data(), kHeaderBytes));
  std::copy(payload.begin(), payload.end(), file.begin() + kHeaderBytes);
  return file;
}

}  // namespace cairn::sample
