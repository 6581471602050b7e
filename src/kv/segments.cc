#include <algorithm>

#include "base/check.h"
#include "kv/header.h"

namespace cairn {
namespace {

std::uint64_t total_bytes(ByteSpans spans) {
  std::uint64_t bytes = 0;
  for (const ByteSpan span : spans) bytes += span.size();
  return bytes;
}

// Digest of bytes [offset, offset + size) of the spans' concatenation.
Checksum128 digest_part(ByteSpans spans, std::uint64_t offset, std::uint64_t size) {
  Xxh3Stream stream;
  for (const ByteSpan span : spans) {
    if (size == 0) break;
    if (offset >= span.size()) {
      offset -= span.size();
      continue;
    }
    const std::uint64_t take = std::min<std::uint64_t>(size, span.size() - offset);
    const ByteSpan part = span.subspan(offset, take);
    if (take == size && stream.empty()) return xxh3_128(part);  // one piece: the faster one-shot digest
    stream.update(part);
    size -= take;
    offset = 0;
  }
  CAIRN_CHECK(size == 0, "the payload is shorter than its segment");
  return stream.finish();
}

}  // namespace

SegmentDigester::SegmentDigester(const BlockHeader& header) : header_(header) {}

void SegmentDigester::update(ByteSpan bytes) {
  CAIRN_CHECK(bytes.size() <= header_.stored_bytes - position_, "more bytes than the block stores");
  while (!bytes.empty()) {
    const auto segment = static_cast<std::uint32_t>(position_ >> header_.segment_log2);
    const std::uint64_t end = header_.segment_offset(segment) + header_.segment_bytes(segment);
    const std::size_t take = std::min<std::uint64_t>(bytes.size(), end - position_);
    stream_.update(bytes.first(take));
    position_ += take;
    bytes = bytes.subspan(take);
    if (position_ == end) header_.slots[segment] = stream_.finish();
  }
}

const BlockHeader& SegmentDigester::sealed() const {
  CAIRN_CHECK(complete(), "sealed() before the last byte");
  return header_;
}

void seal(BlockHeader& header, ByteSpans payload) {
  CAIRN_CHECK(total_bytes(payload) == header.stored_bytes, "the payload has another length");
  for (std::uint32_t segment = 0; segment < header.segments; ++segment) {
    header.slots[segment] = digest_part(payload, header.segment_offset(segment), header.segment_bytes(segment));
  }
}

bool verify_segment(const BlockHeader& header, std::uint32_t segment, ByteSpan segment_bytes) {
  CAIRN_CHECK(segment_bytes.size() == header.segment_bytes(segment), "not the bytes of one segment");
  return xxh3_128(segment_bytes) == header.slots[segment];
}

bool verify_segment(const BlockHeader& header, std::uint32_t segment, ByteSpans payload) {
  CAIRN_CHECK(total_bytes(payload) == header.stored_bytes, "the payload has another length");
  return digest_part(payload, header.segment_offset(segment), header.segment_bytes(segment)) == header.slots[segment];
}

HeaderVerdict verify_payload(const BlockHeader& header, ByteSpans payload) {
  for (std::uint32_t segment = 0; segment < header.segments; ++segment) {
    if (!verify_segment(header, segment, payload)) return HeaderVerdict::kBadSegment;
  }
  return HeaderVerdict::kOk;
}

}  // namespace cairn
