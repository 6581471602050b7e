// A header is accepted only when every byte of it is what the asked block must carry. Each comparison is tested alone:
// without it, one of these tests fails.
#include "kv/header.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "sample.h"

namespace cairn {
namespace {

using Bytes = std::array<std::byte, kHeaderBytes>;

struct Block {
  StoreIdentity identity = sample::smollm_identity();
  BlockLayout layout = sample::layout_of(identity);
  KvBlockId id;
  BlockHeader wanted;
  BlockHeader sealed;
  std::vector<std::byte> payload;

  Block() {
    identity.layout.grid = {.shard_layers = 15, .shard_kv_heads = 1};
    layout = sample::layout_of(identity);
    id = {.chunk = sample::chunks_of(identity, 3, principal_tag("acme", ""))[2], .shard = 4};
    wanted = make_header(store_root(identity), layout, id);
    payload = sample::payload_of(layout, id.shard);
    sealed = wanted;
    const ByteSpan pieces[] = {payload};
    seal(sealed, pieces);
  }
};

Bytes encoded(const BlockHeader& header) {
  Bytes bytes;
  encode_header(header, bytes);
  return bytes;
}

void reseal(Bytes& bytes) {
  std::memset(bytes.data() + 504, 0, 8);
  const std::uint64_t checksum = xxh3_64(bytes);
  std::memcpy(bytes.data() + 504, &checksum, 8);
}

HeaderVerdict check(const Bytes& bytes, const Block& block) {
  BlockHeader found;
  return check_header(bytes, block.wanted.file_bytes(), block.wanted, found);
}

TEST(BlockHeader, SaysWhatTheBlockIs) {
  const Block block;
  const BlockHeader& header = block.wanted;
  EXPECT_EQ(header.raw_bytes, block.layout.block_bytes(4));
  EXPECT_EQ(header.stored_bytes, header.raw_bytes);
  EXPECT_EQ(header.range, (KvRange{15, 30, 1, 2}));
  EXPECT_EQ(header.layers_of, 30u);
  EXPECT_EQ(header.heads_of, 3u);
  EXPECT_EQ(header.page_tokens, 16u);
  EXPECT_EQ(header.page_stride, 61440u);
  EXPECT_EQ(header.chunk, block.id.chunk);
  EXPECT_EQ(header.chunk.index, 2u);
  EXPECT_EQ(header.file_bytes(), 4096 + 61440u * 16);
}

TEST(BlockHeader, DecodesToWhatWasEncoded) {
  const Block block;
  BlockHeader found;
  EXPECT_EQ(decode_header(encoded(block.sealed), found), HeaderVerdict::kOk);
  EXPECT_EQ(found, block.sealed);
  EXPECT_EQ(check_header(encoded(block.sealed), block.wanted.file_bytes(), block.wanted, found), HeaderVerdict::kOk);
  const ByteSpan pieces[] = {block.payload};
  EXPECT_EQ(verify_payload(found, pieces), HeaderVerdict::kOk);
}

// The offsets of docs/format.md, written down a second time.
TEST(BlockHeader, FieldsLieAtTheirOffsets) {
  const Block block;
  const Bytes bytes = encoded(block.sealed);
  const auto u16 = [&](std::size_t at) { return load_le<std::uint16_t>(bytes.data() + at); };
  const auto u32 = [&](std::size_t at) { return load_le<std::uint32_t>(bytes.data() + at); };
  const auto u64 = [&](std::size_t at) { return load_le<std::uint64_t>(bytes.data() + at); };
  const auto hex = [&](std::size_t at, std::size_t size) {
    return to_hex(reinterpret_cast<const std::uint8_t*>(bytes.data()) + at, size);
  };
  EXPECT_EQ(hex(0, 8), "434149524e4b560a");
  EXPECT_EQ(u16(8), 1);
  EXPECT_EQ(u16(10), 0);
  EXPECT_EQ(u32(12), 4096u);
  EXPECT_EQ(u64(16), block.wanted.stored_bytes);
  EXPECT_EQ(u64(24), block.wanted.raw_bytes);
  EXPECT_EQ(hex(32, 32), to_hex(block.id.chunk.key.digest));
  EXPECT_EQ(hex(64, 32), to_hex(block.id.chunk.parent.digest));
  EXPECT_EQ(hex(96, 32), to_hex(store_root(block.identity)));
  EXPECT_EQ(hex(128, 16), to_hex(block.id.chunk.tenant));
  EXPECT_EQ(u32(144), 2u);
  EXPECT_EQ(u32(148), 256u);
  const std::uint32_t ranges[] = {15, 30, 30, 1, 2, 3};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(u32(152 + 4 * i), ranges[i]);
  EXPECT_EQ(u32(176), 16u);
  EXPECT_EQ(u32(180), 61440u);
  EXPECT_EQ(u16(184), 1);
  EXPECT_EQ(u16(186), 0);
  EXPECT_EQ(u16(188), 1);
  EXPECT_EQ(u16(190), 0);
  EXPECT_EQ(u32(192), 20u);
  EXPECT_EQ(u32(196), 1u);
  EXPECT_EQ(hex(200, 32), to_hex(block.id.chunk.token_digest));
  EXPECT_TRUE(all_zero(ByteSpan(bytes).subspan(232, 504 - 232)));
  EXPECT_EQ(u64(512), xxh3_128(block.payload).low);
  EXPECT_EQ(u64(520), xxh3_128(block.payload).high);
  EXPECT_TRUE(all_zero(ByteSpan(bytes).subspan(528)));
}

TEST(BlockHeader, EveryFlippedBitIsRefused) {
  const Block block;
  Bytes bytes = encoded(block.sealed);
  for (std::size_t bit = 0; bit < kHeaderBytes * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    const HeaderVerdict expected = bit / 8 < 8    ? HeaderVerdict::kBadMagic
                                   : bit / 8 < 10 ? HeaderVerdict::kForeignVersion
                                                  : HeaderVerdict::kBadHeaderChecksum;
    ASSERT_EQ(check(bytes, block), expected) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
  }
  EXPECT_EQ(check(bytes, block), HeaderVerdict::kOk);
}

// A header with a right checksum over wrong fields: a foreign or a forged block. Only a slot can then differ, and it no
// longer fits the payload.
TEST(BlockHeader, IsRecognisedByWhoKnowsOnlyTheStoreAndTheCell) {
  const Block block;
  const BlockLayout& layout = block.layout;
  const Bytes bytes = encoded(block.sealed);
  BlockHeader found;
  EXPECT_EQ(recognise_header(bytes, block.wanted.store_root, layout, block.id.shard, found), HeaderVerdict::kOk);
  EXPECT_EQ(found, block.sealed);
  Digest other = block.wanted.store_root;
  other.bytes[0] ^= 1;
  EXPECT_EQ(recognise_header(bytes, other, layout, block.id.shard, found), HeaderVerdict::kForeignRoot);
}

TEST(BlockHeader, EveryByteThatDiffersUnderARightChecksumIsRefused) {
  const Block block;
  const Bytes original = encoded(block.sealed);
  const ByteSpan pieces[] = {block.payload};
  for (std::size_t at = 0; at < kHeaderBytes; ++at) {
    if (at >= 504 && at < 512) continue;
    Bytes bytes = original;
    bytes[at] ^= std::byte{0x40};
    reseal(bytes);
    BlockHeader found;
    const HeaderVerdict verdict = check_header(bytes, block.wanted.file_bytes(), block.wanted, found);
    if (at >= 512 && at < 528) {
      ASSERT_EQ(verdict, HeaderVerdict::kOk) << at;
      ASSERT_EQ(verify_payload(found, pieces), HeaderVerdict::kBadSegment) << at;
    } else {
      ASSERT_NE(verdict, HeaderVerdict::kOk) << at;
    }
  }
}

struct Difference {
  const char* what;
  HeaderVerdict verdict;
  std::function<void(BlockHeader&)> apply;
};

// Fields that agree with each other but not with the block that was asked for.
const std::vector<Difference>& differences() {
  using V = HeaderVerdict;
  static const std::vector<Difference> all = {
      {"version", V::kForeignVersion, [](BlockHeader& h) { h.version = 2; }},
      {"flags", V::kUnknownFlags, [](BlockHeader& h) { h.flags = 0x8000; }},
      {"codec", V::kUnknownCodec, [](BlockHeader& h) { h.codec = 1; }},
      {"codec, with its lengths", V::kUnknownCodec, [](BlockHeader& h) { h.codec = 1, h.stored_bytes -= 100; }},
      {"checksum_kind", V::kUnknownChecksumKind, [](BlockHeader& h) { h.checksum_kind = 2; }},
      {"no checksum", V::kUnknownChecksumKind, [](BlockHeader& h) { h.checksum_kind = 0; }},
      {"aead_kind", V::kUnknownAeadKind, [](BlockHeader& h) { h.aead_kind = 1; }},
      {"store_root", V::kForeignRoot, [](BlockHeader& h) { h.store_root.bytes[31] ^= 1; }},
      {"layout", V::kForeignLayout, [](BlockHeader& h) { h.layout = 2; }},
      {"page_tokens", V::kForeignLayout, [](BlockHeader& h) { h.page_tokens = 32; }},
      {"page_stride", V::kForeignLayout, [](BlockHeader& h) { h.page_stride += 4096; }},
      {"layers of", V::kForeignLayout, [](BlockHeader& h) { h.layers_of = 31; }},
      {"heads of", V::kForeignLayout, [](BlockHeader& h) { h.heads_of = 4; }},
      {"layer begin", V::kWrongShard, [](BlockHeader& h) { h.range.layer_begin = 14; }},
      {"layer end", V::kWrongShard, [](BlockHeader& h) { h.range.layer_end = 29; }},
      {"head begin", V::kWrongShard, [](BlockHeader& h) { h.range.head_begin = 0; }},
      {"head end", V::kWrongShard, [](BlockHeader& h) { h.range.head_end = 3; }},
      {"key", V::kWrongKey, [](BlockHeader& h) { h.chunk.key.digest.bytes[0] ^= 1; }},
      {"parent", V::kWrongParent, [](BlockHeader& h) { h.chunk.parent.digest.bytes[31] ^= 128; }},
      {"token_digest", V::kWrongTokenDigest, [](BlockHeader& h) { h.chunk.token_digest.bytes[5] ^= 4; }},
      {"tenant", V::kWrongTenant, [](BlockHeader& h) { h.chunk.tenant.bytes[15] ^= 1; }},
      {"no tenant", V::kWrongTenant, [](BlockHeader& h) { h.chunk.tenant = {}; }},
      {"index", V::kWrongChunkIndex, [](BlockHeader& h) { h.chunk.index = 3; }},
      {"tokens", V::kWrongTokens, [](BlockHeader& h) { h.chunk.tokens = 255; }},
      {"half the bytes", V::kBadLength, [](BlockHeader& h) { h.raw_bytes = h.stored_bytes = h.raw_bytes / 2; }},
      {"stored below raw", V::kBadLength, [](BlockHeader& h) { h.stored_bytes -= 4096; }},
      {"stored above raw", V::kBadLength, [](BlockHeader& h) { h.stored_bytes += 4096; }},
      {"raw alone", V::kBadLength, [](BlockHeader& h) { h.raw_bytes += 4096; }},
      {"nothing stored", V::kBadLength, [](BlockHeader& h) { h.raw_bytes = h.stored_bytes = 0; }},
      {"2^63 bytes", V::kBadLength, [](BlockHeader& h) { h.raw_bytes = h.stored_bytes = 1ull << 63; }},
      {"2^64 - 1 bytes", V::kBadLength, [](BlockHeader& h) { h.raw_bytes = h.stored_bytes = ~0ull; }},
      {"segment_log2", V::kBadSegmentTable, [](BlockHeader& h) { h.segment_log2 = 21; }},
      {"segment_log2 of 200", V::kBadSegmentTable, [](BlockHeader& h) { h.segment_log2 = 200; }},
      {"segments", V::kBadSegmentTable, [](BlockHeader& h) { h.segments = 2; }},
      {"no segments", V::kBadSegmentTable, [](BlockHeader& h) { h.segments = 0; }},
      {"2^32 - 1 segments", V::kBadSegmentTable, [](BlockHeader& h) { h.segments = 0xffffffff; }},
      {"a slot too many", V::kNonzeroPadding, [](BlockHeader& h) { h.slots[1].low = 1; }},
      {"the last slot", V::kNonzeroPadding, [](BlockHeader& h) { h.slots[223].high = 1ull << 63; }},
  };
  return all;
}

TEST(BlockHeader, EachDifferenceAloneHasItsReason) {
  const Block block;
  for (const Difference& difference : differences()) {
    BlockHeader other = block.sealed;
    difference.apply(other);
    EXPECT_EQ(check(encoded(other), block), difference.verdict) << difference.what;
  }
}

TEST(BlockHeader, CompareSeesEachFieldWithoutDecode) {
  const Block block;
  for (const Difference& difference : differences()) {
    if (difference.verdict == HeaderVerdict::kNonzeroPadding) continue;  // slots are not compared
    BlockHeader other = block.sealed;
    difference.apply(other);
    EXPECT_EQ(compare_header(other, block.wanted), difference.verdict) << difference.what;
  }
  EXPECT_EQ(compare_header(block.sealed, block.wanted), HeaderVerdict::kOk);
}

// What contradicts itself or is unknown is refused by decode alone, for readers that have no wanted header.
TEST(BlockHeader, DecodeRefusesWhatDoesNotAgreeWithItself) {
  using V = HeaderVerdict;
  const Block block;
  std::size_t refused = 0;
  for (const Difference& difference : differences()) {
    BlockHeader other = block.sealed, found;
    difference.apply(other);
    const V verdict = decode_header(encoded(other), found);
    const bool foreign = difference.verdict == V::kForeignRoot || difference.verdict == V::kForeignLayout;
    const bool misplaced = difference.verdict >= V::kWrongKey && difference.verdict <= V::kWrongShard;
    const bool consistent = foreign || misplaced || std::string_view(difference.what) == "half the bytes";
    EXPECT_EQ(verdict, consistent ? V::kOk : difference.verdict) << difference.what;
    refused += verdict != V::kOk;
  }
  EXPECT_EQ(refused, 20u);
}

TEST(BlockHeader, ReservedBytesMustBeZero) {
  const Block block;
  for (const std::size_t at : {232, 247, 248, 259, 260, 275, 276, 503}) {
    Bytes bytes = encoded(block.sealed);
    bytes[at] = std::byte{1};
    reseal(bytes);
    EXPECT_EQ(check(bytes, block), HeaderVerdict::kNonzeroPadding) << at;
  }
  Bytes bytes = encoded(block.sealed);
  bytes[12] = std::byte{1};
  reseal(bytes);
  EXPECT_EQ(check(bytes, block), HeaderVerdict::kBadLength);
}

TEST(BlockHeader, TheFileHasExactlyItsLength) {
  const Block block;
  const Bytes bytes = encoded(block.sealed);
  const std::uint64_t right = block.wanted.file_bytes();
  for (const std::uint64_t wrong : {right - 1, right + 1, right - 4096, right + 4096, std::uint64_t{4096}}) {
    BlockHeader found;
    EXPECT_EQ(check_header(bytes, wrong, block.wanted, found), HeaderVerdict::kBadLength) << wrong;
  }
}

TEST(BlockHeader, ALaterVersionIsLeftAloneWhateverItSays) {
  const Block block;
  Bytes bytes;
  bytes.fill(std::byte{0xff});
  const Bytes original = encoded(block.sealed);
  std::copy_n(original.begin(), 8, bytes.begin());
  EXPECT_EQ(check(bytes, block), HeaderVerdict::kForeignVersion);
  EXPECT_FALSE(means_quarantine(HeaderVerdict::kForeignVersion));
}

TEST(BlockHeader, OnlyDamageAndMisplacementMeanQuarantine) {
  using V = HeaderVerdict;
  for (const V verdict : {V::kOk, V::kForeignVersion, V::kUnknownFlags, V::kUnknownCodec, V::kUnknownChecksumKind,
                          V::kUnknownAeadKind, V::kForeignRoot, V::kForeignLayout}) {
    EXPECT_FALSE(means_quarantine(verdict)) << to_string(verdict);
  }
  for (const V verdict : {V::kBadMagic, V::kBadHeaderChecksum, V::kBadLength, V::kBadSegmentTable, V::kNonzeroPadding,
                          V::kWrongKey, V::kWrongParent, V::kWrongTokenDigest, V::kWrongTenant, V::kWrongChunkIndex,
                          V::kWrongTokens, V::kWrongShard, V::kBadSegment}) {
    EXPECT_TRUE(means_quarantine(verdict)) << to_string(verdict);
  }
}

TEST(BlockHeader, EveryVerdictHasItsOwnText) {
  std::set<std::string_view> texts;
  const auto last = static_cast<unsigned>(HeaderVerdict::kBadSegment);
  for (unsigned v = 0; v <= last; ++v) texts.insert(to_string(static_cast<HeaderVerdict>(v)));
  EXPECT_EQ(texts.size(), last + 1);
  EXPECT_FALSE(texts.contains("unknown"));
}

TEST(BlockHeader, AForeignBlockIsNotTheAskedOne) {
  const Block block;
  StoreIdentity other = block.identity;
  other.model_fingerprint.bytes[0] ^= 1;
  const auto foreign = sample::file_of(other, {.chunk = sample::chunks_of(other, 1)[0], .shard = 4});
  BlockHeader found;
  EXPECT_EQ(check_header(HeaderBytes(foreign.data(), kHeaderBytes), foreign.size(), block.wanted, found),
            HeaderVerdict::kForeignRoot);
}

// Chunks of one conversation exchanged on the store: each is whole, none is the one asked for.
TEST(BlockHeader, ExchangedBlocksOfOneStoreAreFound) {
  const StoreIdentity identity = sample::tiny_identity();
  const BlockLayout layout = sample::layout_of(identity);
  const auto chunks = sample::chunks_of(identity, 4);
  for (std::size_t asked = 0; asked < 4; ++asked) {
    for (std::size_t stored = 0; stored < 4; ++stored) {
      const auto file = sample::file_of(identity, {.chunk = chunks[stored], .shard = 0});
      const BlockHeader wanted = make_header(store_root(identity), layout, {.chunk = chunks[asked], .shard = 0});
      BlockHeader found;
      EXPECT_EQ(check_header(HeaderBytes(file.data(), kHeaderBytes), file.size(), wanted, found),
                asked == stored ? HeaderVerdict::kOk : HeaderVerdict::kWrongKey);
    }
  }
}

TEST(BlockHeader, SegmentsAreTheSmallestThatFitTheTable) {
  EXPECT_EQ(segment_log2_for(1), 20u);
  EXPECT_EQ(segment_log2_for(224 * kMiB), 20u);
  EXPECT_EQ(segment_log2_for(224 * kMiB + 1), 21u);
  EXPECT_EQ(segment_log2_for(448 * kMiB), 21u);
  EXPECT_EQ(segment_log2_for(448 * kMiB + 4096), 22u);
  EXPECT_EQ(segment_log2_for(std::uint64_t{1} << 40), 33u);
}

}  // namespace
}  // namespace cairn
