// Segments are digested alike however their bytes arrive or lie, and no changed byte passes.
#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"
#include "kv/header.h"
#include "sample.h"

namespace cairn {
namespace {

struct Block {
  StoreIdentity identity = sample::smollm_identity();
  BlockLayout layout = sample::layout_of(identity);
  std::vector<std::byte> payload = sample::payload_of(layout, 0);
  BlockHeader header;
  Block() {
    header = make_header(store_root(identity), layout, {.chunk = sample::chunks_of(identity, 1)[0], .shard = 0});
    seal_whole();
  }
  void seal_whole() {
    const ByteSpan pieces[] = {payload};
    seal(header, pieces);
  }
};

// The payload of `block` cut at `borders` and at its end.
std::vector<ByteSpan> cut(const Block& block, const std::vector<std::size_t>& borders) {
  std::vector<ByteSpan> pieces;
  std::size_t at = 0;
  for (const std::size_t border : borders) {
    pieces.push_back(ByteSpan(block.payload).subspan(at, border - at));
    at = border;
  }
  pieces.push_back(ByteSpan(block.payload).subspan(at));
  return pieces;
}

TEST(Segments, TheTableCoversThePayloadExactly) {
  const Block block;
  ASSERT_EQ(block.header.segments, 6u);
  std::uint64_t total = 0;
  for (std::uint32_t segment = 0; segment < block.header.segments; ++segment) {
    EXPECT_EQ(block.header.segment_offset(segment), segment * kMiB);
    total += block.header.segment_bytes(segment);
    const auto part = ByteSpan(block.payload).subspan(segment * kMiB, block.header.segment_bytes(segment));
    EXPECT_EQ(block.header.slots[segment], xxh3_128(part));
    EXPECT_TRUE(verify_segment(block.header, segment, part));
  }
  EXPECT_EQ(total, block.header.stored_bytes);
  EXPECT_EQ(block.header.segment_bytes(5), block.payload.size() - 5 * kMiB);
  EXPECT_EQ(block.header.slots[6], Checksum128{});
}

TEST(Segments, ScatteredPagesGiveTheSameSlots) {
  Block block;
  const BlockHeader whole = block.header;
  std::vector<std::size_t> pages;
  for (std::size_t page = 1; page < 16; ++page) pages.push_back(page * 368640);
  for (const auto& borders : {pages, std::vector<std::size_t>{0, 1, 1, kMiB, kMiB + 1, 3 * kMiB - 1, 5 * kMiB}}) {
    BlockHeader header = make_header(whole.store_root, block.layout, {.chunk = whole.chunk, .shard = 0});
    const auto pieces = cut(block, borders);
    seal(header, pieces);
    EXPECT_EQ(header, whole);
    EXPECT_EQ(verify_payload(header, pieces), HeaderVerdict::kOk);
  }
}

TEST(Segments, TheDigesterTakesPiecesOfAnySize) {
  const Block block;
  for (const std::size_t piece : {std::size_t{4096}, std::size_t{368640}, std::size_t{999983}, block.payload.size()}) {
    SegmentDigester digester(make_header(block.header.store_root, block.layout, {block.header.chunk, 0}));
    for (std::size_t at = 0; at < block.payload.size(); at += piece) {
      EXPECT_FALSE(digester.complete());
      digester.update(ByteSpan(block.payload).subspan(at, std::min(piece, block.payload.size() - at)));
    }
    ASSERT_TRUE(digester.complete());
    EXPECT_EQ(digester.sealed(), block.header) << piece;
  }
}

TEST(Segments, AChangedBitIsFoundInItsSegmentOnly) {
  Block block;
  Random random(3);
  std::vector<std::size_t> places = {0, kMiB - 1, kMiB, 5 * kMiB - 1, 5 * kMiB, block.payload.size() - 1};
  for (int i = 0; i < 40; ++i) places.push_back(random.below(block.payload.size()));
  const auto pieces = cut(block, {100, 368640, 2 * kMiB + 7});
  for (const std::size_t at : places) {
    const auto bit = static_cast<std::byte>(1 << random.below(8));
    block.payload[at] ^= bit;
    EXPECT_EQ(verify_payload(block.header, pieces), HeaderVerdict::kBadSegment);
    for (std::uint32_t segment = 0; segment < block.header.segments; ++segment) {
      EXPECT_EQ(verify_segment(block.header, segment, pieces), segment != at / kMiB) << at;
    }
    block.payload[at] ^= bit;
  }
  EXPECT_EQ(verify_payload(block.header, pieces), HeaderVerdict::kOk);
}

TEST(Segments, TwoExchangedPagesAreFound) {
  Block block;
  auto pieces = cut(block, {368640, 2 * 368640});
  std::swap(pieces[0], pieces[1]);
  EXPECT_EQ(verify_payload(block.header, pieces), HeaderVerdict::kBadSegment);
}

TEST(Segments, LengthsThatDoNotFitAreBugs) {
  const Block block;
  const auto shorter = std::vector<ByteSpan>{ByteSpan(block.payload).first(4096)};
  EXPECT_DEATH((void)verify_payload(block.header, shorter), "another length");
  EXPECT_DEATH((void)verify_segment(block.header, 0, ByteSpan(block.payload)), "one segment");
  EXPECT_DEATH((void)block.header.segment_bytes(6), "no such segment");
  SegmentDigester digester(block.header);
  EXPECT_DEATH((void)digester.sealed(), "before the last byte");
  digester.update(block.payload);
  EXPECT_DEATH(digester.update(ByteSpan(block.payload).first(1)), "more bytes");
}

TEST(Segments, AllZeroLooksAtEveryByte) {
  std::vector<std::byte> bytes(5000);
  EXPECT_TRUE(all_zero({}));
  EXPECT_TRUE(all_zero(bytes));
  for (const std::size_t at : {0, 1, 4095, 4999}) {
    bytes[at] = std::byte{1};
    EXPECT_FALSE(all_zero(bytes)) << at;
    bytes[at] = std::byte{0};
  }
}

}  // namespace
}  // namespace cairn
