#include "kv/header.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace cairn {
namespace {

constexpr std::array<char, 8> kMagic{'C', 'A', 'I', 'R', 'N', 'K', 'V', '\n'};

// Offsets of the fields; docs/format.md prints the same table.
enum Offset : std::size_t {
  kMagicAt = 0,
  kVersionAt = 8,
  kFlagsAt = 10,
  kHeaderBytesAt = 12,
  kStoredBytesAt = 16,
  kRawBytesAt = 24,
  kKeyAt = 32,
  kParentAt = 64,
  kRootAt = 96,
  kTenantAt = 128,
  kChunkIndexAt = 144,
  kTokensAt = 148,
  kRangesAt = 152,  // layer begin, end, of; head begin, end, of
  kPageTokensAt = 176,
  kPageStrideAt = 180,
  kLayoutAt = 184,
  kCodecAt = 186,
  kChecksumKindAt = 188,
  kAeadKindAt = 190,
  kSegmentLog2At = 192,
  kSegmentsAt = 196,
  kTokenDigestAt = 200,
  kReservedAt = 232,  // aead_key_id[16], nonce[12], header_tag[16], zeros
  kHeaderChecksumAt = 504,
  kSlotsAt = 512,
};
constexpr std::size_t kSlotBytes = 16;
static_assert(kSlotsAt + kSlotsMax * kSlotBytes == kHeaderBytes);

std::uint64_t header_checksum(HeaderBytes bytes) {
  std::array<std::byte, kHeaderBytes> copy;
  std::copy(bytes.begin(), bytes.end(), copy.begin());
  store_le<std::uint64_t>(copy.data() + kHeaderChecksumAt, 0);
  return xxh3_64(copy);
}

template <class T>
T field(HeaderBytes bytes, std::size_t at) {
  return load_le<T>(bytes.data() + at);
}

std::uint32_t segments_of(std::uint64_t stored_bytes, std::uint32_t segment_log2) {
  return static_cast<std::uint32_t>((stored_bytes + (std::uint64_t{1} << segment_log2) - 1) >> segment_log2);
}

void read_fields(HeaderBytes bytes, BlockHeader& header) {
  header.version = field<std::uint16_t>(bytes, kVersionAt);
  header.flags = field<std::uint16_t>(bytes, kFlagsAt);
  header.stored_bytes = field<std::uint64_t>(bytes, kStoredBytesAt);
  header.raw_bytes = field<std::uint64_t>(bytes, kRawBytesAt);
  header.chunk.key.digest = field<Digest>(bytes, kKeyAt);
  header.chunk.parent.digest = field<Digest>(bytes, kParentAt);
  header.store_root = field<Digest>(bytes, kRootAt);
  header.chunk.tenant = field<PrincipalTag>(bytes, kTenantAt);
  header.chunk.index = field<std::uint32_t>(bytes, kChunkIndexAt);
  header.chunk.tokens = field<std::uint32_t>(bytes, kTokensAt);
  header.range.layer_begin = field<std::uint32_t>(bytes, kRangesAt);
  header.range.layer_end = field<std::uint32_t>(bytes, kRangesAt + 4);
  header.layers_of = field<std::uint32_t>(bytes, kRangesAt + 8);
  header.range.head_begin = field<std::uint32_t>(bytes, kRangesAt + 12);
  header.range.head_end = field<std::uint32_t>(bytes, kRangesAt + 16);
  header.heads_of = field<std::uint32_t>(bytes, kRangesAt + 20);
  header.page_tokens = field<std::uint32_t>(bytes, kPageTokensAt);
  header.page_stride = field<std::uint32_t>(bytes, kPageStrideAt);
  header.layout = field<std::uint16_t>(bytes, kLayoutAt);
  header.codec = field<std::uint16_t>(bytes, kCodecAt);
  header.checksum_kind = field<std::uint16_t>(bytes, kChecksumKindAt);
  header.aead_kind = field<std::uint16_t>(bytes, kAeadKindAt);
  header.segment_log2 = field<std::uint32_t>(bytes, kSegmentLog2At);
  header.segments = field<std::uint32_t>(bytes, kSegmentsAt);
  header.chunk.token_digest = field<Digest>(bytes, kTokenDigestAt);
  for (std::size_t slot = 0; slot < kSlotsMax; ++slot) {
    header.slots[slot].low = field<std::uint64_t>(bytes, kSlotsAt + slot * kSlotBytes);
    header.slots[slot].high = field<std::uint64_t>(bytes, kSlotsAt + slot * kSlotBytes + 8);
  }
}

// The lengths and the segment table, as far as they follow from each other.
HeaderVerdict check_lengths(HeaderBytes bytes, const BlockHeader& header) {
  constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 40;
  if (field<std::uint32_t>(bytes, kHeaderBytesAt) != kHeaderBytes) return HeaderVerdict::kBadLength;
  if (header.raw_bytes == 0 || header.raw_bytes > kBytesMax) return HeaderVerdict::kBadLength;
  if (header.stored_bytes != header.raw_bytes) return HeaderVerdict::kBadLength;  // codec 0
  if (header.segment_log2 != segment_log2_for(header.raw_bytes)) return HeaderVerdict::kBadSegmentTable;
  if (header.segments != segments_of(header.stored_bytes, header.segment_log2)) return HeaderVerdict::kBadSegmentTable;
  const std::size_t used = kSlotsAt + header.segments * kSlotBytes;
  if (!all_zero(ByteSpan(bytes).subspan(kReservedAt, kHeaderChecksumAt - kReservedAt)) ||
      !all_zero(ByteSpan(bytes).subspan(used))) {
    return HeaderVerdict::kNonzeroPadding;
  }
  return HeaderVerdict::kOk;
}

}  // namespace

std::uint64_t BlockHeader::segment_bytes(std::uint32_t segment) const {
  CAIRN_CHECK(segment < segments, "no such segment");
  return std::min(segment_size(), stored_bytes - segment_offset(segment));
}

std::uint32_t segment_log2_for(std::uint64_t raw_bytes) {
  std::uint32_t log2 = kSegmentLog2Min;
  while (log2 < 63 && segments_of(raw_bytes, log2) > kSlotsMax) ++log2;
  return log2;
}

BlockHeader make_header(const Digest& store_root, const BlockLayout& layout, const KvBlockId& id) {
  const LayoutSpec& spec = layout.spec();
  CAIRN_CHECK(id.shard < layout.cells(), "no such cell");
  CAIRN_CHECK(id.chunk.tokens == spec.chunk_tokens, "only whole chunks are stored");
  const KvRange whole = layout.whole();
  BlockHeader header;
  header.raw_bytes = header.stored_bytes = layout.block_bytes(id.shard);
  header.chunk = id.chunk;
  header.store_root = store_root;
  header.range = layout.cell(id.shard);
  header.layers_of = whole.layer_end;
  header.heads_of = whole.head_end;
  header.page_tokens = spec.page_tokens;
  header.page_stride = static_cast<std::uint32_t>(layout.page_stride(header.range));
  header.layout = static_cast<std::uint16_t>(spec.order);
  header.segment_log2 = segment_log2_for(header.raw_bytes);
  header.segments = segments_of(header.stored_bytes, header.segment_log2);
  return header;
}

void encode_header(const BlockHeader& header, std::span<std::byte, kHeaderBytes> into) {
  std::byte* const out = into.data();
  std::memset(out, 0, kHeaderBytes);
  std::memcpy(out + kMagicAt, kMagic.data(), kMagic.size());
  store_le(out + kVersionAt, header.version);
  store_le(out + kFlagsAt, header.flags);
  store_le<std::uint32_t>(out + kHeaderBytesAt, kHeaderBytes);
  store_le(out + kStoredBytesAt, header.stored_bytes);
  store_le(out + kRawBytesAt, header.raw_bytes);
  store_le(out + kKeyAt, header.chunk.key.digest);
  store_le(out + kParentAt, header.chunk.parent.digest);
  store_le(out + kRootAt, header.store_root);
  store_le(out + kTenantAt, header.chunk.tenant);
  store_le(out + kChunkIndexAt, header.chunk.index);
  store_le(out + kTokensAt, header.chunk.tokens);
  store_le(out + kRangesAt, header.range.layer_begin);
  store_le(out + kRangesAt + 4, header.range.layer_end);
  store_le(out + kRangesAt + 8, header.layers_of);
  store_le(out + kRangesAt + 12, header.range.head_begin);
  store_le(out + kRangesAt + 16, header.range.head_end);
  store_le(out + kRangesAt + 20, header.heads_of);
  store_le(out + kPageTokensAt, header.page_tokens);
  store_le(out + kPageStrideAt, header.page_stride);
  store_le(out + kLayoutAt, header.layout);
  store_le(out + kCodecAt, header.codec);
  store_le(out + kChecksumKindAt, header.checksum_kind);
  store_le(out + kAeadKindAt, header.aead_kind);
  store_le(out + kSegmentLog2At, header.segment_log2);
  store_le(out + kSegmentsAt, header.segments);
  store_le(out + kTokenDigestAt, header.chunk.token_digest);
  for (std::size_t slot = 0; slot < kSlotsMax; ++slot) {
    store_le(out + kSlotsAt + slot * kSlotBytes, header.slots[slot].low);
    store_le(out + kSlotsAt + slot * kSlotBytes + 8, header.slots[slot].high);
  }
  store_le(out + kHeaderChecksumAt, header_checksum(into));
}

HeaderVerdict decode_header(HeaderBytes bytes, BlockHeader& header) {
  if (std::memcmp(bytes.data() + kMagicAt, kMagic.data(), kMagic.size()) != 0) return HeaderVerdict::kBadMagic;
  // Before the checksum: a later version may keep its checksum elsewhere.
  if (field<std::uint16_t>(bytes, kVersionAt) != kBlockVersion) return HeaderVerdict::kForeignVersion;
  if (field<std::uint64_t>(bytes, kHeaderChecksumAt) != header_checksum(bytes)) {
    return HeaderVerdict::kBadHeaderChecksum;
  }
  read_fields(bytes, header);
  // Before lengths and zero bytes, whose meaning these fields may change.
  if (header.flags != 0) return HeaderVerdict::kUnknownFlags;
  if (header.codec != kCodecNone) return HeaderVerdict::kUnknownCodec;
  if (header.checksum_kind != kChecksumXxh3) return HeaderVerdict::kUnknownChecksumKind;
  if (header.aead_kind != kAeadNone) return HeaderVerdict::kUnknownAeadKind;
  return check_lengths(bytes, header);
}

HeaderVerdict compare_header(const BlockHeader& found, const BlockHeader& wanted) {
  if (found.version != wanted.version) return HeaderVerdict::kForeignVersion;
  if (found.flags != wanted.flags) return HeaderVerdict::kUnknownFlags;
  if (found.codec != wanted.codec) return HeaderVerdict::kUnknownCodec;
  if (found.checksum_kind != wanted.checksum_kind) return HeaderVerdict::kUnknownChecksumKind;
  if (found.aead_kind != wanted.aead_kind) return HeaderVerdict::kUnknownAeadKind;
  if (found.store_root != wanted.store_root) return HeaderVerdict::kForeignRoot;
  if (found.layout != wanted.layout || found.page_tokens != wanted.page_tokens || found.layers_of != wanted.layers_of ||
      found.heads_of != wanted.heads_of) {
    return HeaderVerdict::kForeignLayout;
  }
  if (found.range != wanted.range) return HeaderVerdict::kWrongShard;
  if (found.page_stride != wanted.page_stride) return HeaderVerdict::kForeignLayout;
  if (found.chunk.key != wanted.chunk.key) return HeaderVerdict::kWrongKey;
  if (found.chunk.parent != wanted.chunk.parent) return HeaderVerdict::kWrongParent;
  if (found.chunk.token_digest != wanted.chunk.token_digest) return HeaderVerdict::kWrongTokenDigest;
  if (found.chunk.tenant != wanted.chunk.tenant) return HeaderVerdict::kWrongTenant;
  if (found.chunk.index != wanted.chunk.index) return HeaderVerdict::kWrongChunkIndex;
  if (found.chunk.tokens != wanted.chunk.tokens) return HeaderVerdict::kWrongTokens;
  if (found.raw_bytes != wanted.raw_bytes || found.stored_bytes != wanted.stored_bytes) {
    return HeaderVerdict::kBadLength;
  }
  if (found.segment_log2 != wanted.segment_log2 || found.segments != wanted.segments) {
    return HeaderVerdict::kBadSegmentTable;
  }
  return HeaderVerdict::kOk;
}

HeaderVerdict recognise_header(HeaderBytes bytes, const Digest& store_root, const BlockLayout& layout,
                               std::uint32_t shard, BlockHeader& header) {
  const HeaderVerdict verdict = decode_header(bytes, header);
  if (verdict != HeaderVerdict::kOk) return verdict;
  if (header.chunk.tokens != layout.spec().chunk_tokens) return HeaderVerdict::kWrongTokens;
  return compare_header(header, make_header(store_root, layout, {header.chunk, shard}));
}

HeaderVerdict check_header(HeaderBytes bytes, std::uint64_t file_bytes, const BlockHeader& wanted,
                           BlockHeader& header) {
  if (const HeaderVerdict verdict = decode_header(bytes, header); verdict != HeaderVerdict::kOk) return verdict;
  if (const HeaderVerdict verdict = compare_header(header, wanted); verdict != HeaderVerdict::kOk) return verdict;
  return file_bytes == header.file_bytes() ? HeaderVerdict::kOk : HeaderVerdict::kBadLength;
}

bool all_zero(ByteSpan bytes) {
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

bool means_quarantine(HeaderVerdict verdict) { return verdict >= HeaderVerdict::kBadMagic; }

std::string_view to_string(HeaderVerdict verdict) {
  switch (verdict) {
    case HeaderVerdict::kOk:
      return "ok";
    case HeaderVerdict::kForeignVersion:
      return "foreign_version";
    case HeaderVerdict::kUnknownFlags:
      return "unknown_flags";
    case HeaderVerdict::kUnknownCodec:
      return "unknown_codec";
    case HeaderVerdict::kUnknownChecksumKind:
      return "unknown_checksum_kind";
    case HeaderVerdict::kUnknownAeadKind:
      return "unknown_aead_kind";
    case HeaderVerdict::kForeignRoot:
      return "foreign_root";
    case HeaderVerdict::kForeignLayout:
      return "foreign_layout";
    case HeaderVerdict::kBadMagic:
      return "bad_magic";
    case HeaderVerdict::kBadHeaderChecksum:
      return "bad_header_checksum";
    case HeaderVerdict::kBadLength:
      return "bad_length";
    case HeaderVerdict::kBadSegmentTable:
      return "bad_segment_table";
    case HeaderVerdict::kNonzeroPadding:
      return "nonzero_padding";
    case HeaderVerdict::kWrongKey:
      return "wrong_key";
    case HeaderVerdict::kWrongParent:
      return "wrong_parent";
    case HeaderVerdict::kWrongTokenDigest:
      return "wrong_token_digest";
    case HeaderVerdict::kWrongTenant:
      return "wrong_tenant";
    case HeaderVerdict::kWrongChunkIndex:
      return "wrong_chunk_index";
    case HeaderVerdict::kWrongTokens:
      return "wrong_tokens";
    case HeaderVerdict::kWrongShard:
      return "wrong_shard";
    case HeaderVerdict::kBadSegment:
      return "bad_segment";
  }
  return "unknown";
}

}  // namespace cairn
