// The 4096 bytes in front of every stored block, format version 1 (docs/format.md has the table of offsets).
// Everything here is a value without I/O; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"
#include "kv/checksum.h"
#include "kv/keys.h"
#include "kv/layout.h"

namespace cairn {

inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::size_t kSlotsMax = 224;
inline constexpr std::uint32_t kSegmentLog2Min = 20;  // 1 MiB
inline constexpr std::uint16_t kBlockVersion = 1;
inline constexpr std::uint16_t kCodecNone = 0;
inline constexpr std::uint16_t kChecksumXxh3 = 1;
inline constexpr std::uint16_t kAeadNone = 0;

using HeaderBytes = std::span<const std::byte, kHeaderBytes>;

// Why a block is not the one that was asked for; also the text of the miss reason. Never reorder.
enum class HeaderVerdict : std::uint8_t {
  kOk = 0,
  // Not ours to judge: left alone, a miss.
  kForeignVersion,
  kUnknownFlags,
  kUnknownCodec,
  kUnknownChecksumKind,
  kUnknownAeadKind,
  kForeignRoot,
  kForeignLayout,  // page order, page tokens, page stride, or layers and heads of the whole model
  // Damaged or in the wrong place: quarantined after a second read past the cache, a miss.
  kBadMagic,
  kBadHeaderChecksum,
  kBadLength,        // header_bytes, raw_bytes, stored_bytes, or the file's own length
  kBadSegmentTable,  // segment_log2 or segments do not follow from raw_bytes and stored_bytes
  kNonzeroPadding,   // a reserved byte, an unused slot, or a byte after stored_bytes
  kWrongKey,
  kWrongParent,
  kWrongTokenDigest,
  kWrongTenant,
  kWrongChunkIndex,
  kWrongTokens,
  kWrongShard,  // layer or head range
  kBadSegment,  // payload does not match its slot
};
std::string_view to_string(HeaderVerdict verdict);  // "bad_header_checksum"
bool means_quarantine(HeaderVerdict verdict);       // false for kOk and for what is left alone

struct BlockHeader {
  std::uint16_t version = kBlockVersion, flags = 0;
  std::uint64_t stored_bytes = 0, raw_bytes = 0;
  ChunkId chunk;
  Digest store_root;
  KvRange range;                              // of the cell
  std::uint32_t layers_of = 0, heads_of = 0;  // of the whole model
  std::uint32_t page_tokens = 0, page_stride = 0;
  std::uint16_t layout = 0, codec = kCodecNone, checksum_kind = kChecksumXxh3, aead_kind = kAeadNone;
  std::uint32_t segment_log2 = kSegmentLog2Min, segments = 0;
  std::array<Checksum128, kSlotsMax> slots{};
  bool operator==(const BlockHeader&) const = default;

  std::uint64_t segment_size() const { return std::uint64_t{1} << segment_log2; }  // S; the last one may be shorter
  std::uint64_t segment_offset(std::uint32_t segment) const { return segment * segment_size(); }  // in the payload
  std::uint64_t segment_bytes(std::uint32_t segment) const;  // stored bytes of this segment, without padding
  std::uint64_t file_bytes() const { return kHeaderBytes + round_up(stored_bytes, 4096); }
};

// Smallest S = 2^log2 of at least 1 MiB that cuts raw_bytes into at most 224 segments.
std::uint32_t segment_log2_for(std::uint64_t raw_bytes);

// The header that the block `id` of this store must carry, without codec; slots are zero until seal().
// id.shard < layout.cells() and id.chunk.tokens == chunk_tokens are the caller's (CAIRN_CHECK).
BlockHeader make_header(const Digest& store_root, const BlockLayout& layout, const KvBlockId& id);

// Writes all 4096 bytes, header checksum included.
void encode_header(const BlockHeader& header, std::span<std::byte, kHeaderBytes> into);

// What the bytes say, and whether they agree with themselves: magic, version, checksum, known kinds, lengths, segment
// table, zero bytes. `header` is complete only for kOk. For tools; a reader that knows what it wants uses check_header.
HeaderVerdict decode_header(HeaderBytes bytes, BlockHeader& header);

// Every field but the slots; `wanted` comes from make_header. The first difference in the order of HeaderVerdict,
// root before layout before key.
HeaderVerdict compare_header(const BlockHeader& found, const BlockHeader& wanted);

// decode, then compare, then the length of the file or object that the bytes came from. On kOk `header` carries the
// slots by which the payload is verified; before that no byte of the payload may be used.
HeaderVerdict check_header(HeaderBytes bytes, std::uint64_t file_bytes, const BlockHeader& wanted, BlockHeader& header);

// The same for one who does not know the chunk, only the store and the cell: on kOk the header is right for the chunk
// that it names itself. Its file's name and length are the caller's to compare.
HeaderVerdict recognise_header(HeaderBytes bytes, const Digest& store_root, const BlockLayout& layout,
                               std::uint32_t shard, BlockHeader& header);

// Digests stored bytes in the order of the file, in pieces of any size, into the header's slots.
// update() beyond stored_bytes is a bug. One thread.
class SegmentDigester {
 public:
  explicit SegmentDigester(const BlockHeader& header);
  void update(ByteSpan bytes);
  bool complete() const { return position_ == header_.stored_bytes; }
  // The header with its slots filled. Only when complete().
  const BlockHeader& sealed() const;

 private:
  BlockHeader header_;
  Xxh3Stream stream_;
  std::uint64_t position_ = 0;
};

// Fills the slots from the payload's pages, in order, wherever they lie; their sizes sum to stored_bytes.
void seal(BlockHeader& header, ByteSpans payload);

// One segment against its slot. `segment_bytes` holds exactly that segment.
bool verify_segment(const BlockHeader& header, std::uint32_t segment, ByteSpan segment_bytes);
// The same for a payload in pieces (sizes sum to stored_bytes), of which this segment is a part.
bool verify_segment(const BlockHeader& header, std::uint32_t segment, ByteSpans payload);
// All segments; kOk or kBadSegment.
HeaderVerdict verify_payload(const BlockHeader& header, ByteSpans payload);

// For the padding after stored_bytes and inside a page behind its last tile.
bool all_zero(ByteSpan bytes);

}  // namespace cairn
