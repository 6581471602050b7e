// Property: the header carries AES-256-GCM per segment without a new field: the tag takes the slot's 16 bytes, the IV
// follows from the segment's number, and key, shard and number are bound as associated data.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <memory>

#include "kv/header.h"

namespace cairn {
namespace {

using Key = std::array<std::uint8_t, 32>;

// Seals in place; the tag goes where the checksum stands otherwise. `open` is the same call with `encrypt` 0.
bool crypt(const Key& key, const KvBlockId& id, std::uint32_t segment, std::span<std::uint8_t> bytes, std::uint8_t* tag,
           int encrypt) {
  std::array<std::uint8_t, 12> iv{};
  std::memcpy(iv.data() + 8, &segment, 4);
  std::array<std::uint8_t, 40> bound{};
  std::memcpy(bound.data(), id.chunk.key.digest.bytes.data(), 32);
  std::memcpy(bound.data() + 32, &id.shard, 4);
  std::memcpy(bound.data() + 36, &segment, 4);
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int done = 0;
  EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), iv.data(), encrypt);
  EVP_CipherUpdate(cipher.get(), nullptr, &done, bound.data(), static_cast<int>(bound.size()));
  EVP_CipherUpdate(cipher.get(), bytes.data(), &done, bytes.data(), static_cast<int>(bytes.size()));
  if (!encrypt) EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, 16, tag);
  const bool good = EVP_CipherFinal_ex(cipher.get(), bytes.data(), &done) == 1;
  if (encrypt) EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, 16, tag);
  return good;
}

TEST(SegmentAead, OpensOnlyUnderItsOwnKeyShardAndNumber) {
  static_assert(sizeof(Checksum128) == 16);
  BlockHeader header;
  const KvBlockId id{.chunk = {.key = {Digest{{9}}}}, .shard = 1};
  const Key key{7};
  std::array<std::uint8_t, 4096> segment{};
  segment[5] = 42;
  auto* tag = reinterpret_cast<std::uint8_t*>(&header.slots[3]);
  ASSERT_TRUE(crypt(key, id, 3, segment, tag, 1));
  EXPECT_NE(segment[5], 42);
  auto copy = segment;
  EXPECT_FALSE(crypt(key, id, 2, copy, tag, 0));
  copy = segment;
  EXPECT_FALSE(crypt(key, {id.chunk, 0}, 3, copy, tag, 0));
  copy = segment;
  EXPECT_TRUE(crypt(key, id, 3, copy, tag, 0));
  EXPECT_EQ(copy[5], 42);
}

}  // namespace
}  // namespace cairn
