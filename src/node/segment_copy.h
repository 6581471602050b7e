// Copies between a slot and an engine's scattered pages, a segment at a time: digested and copied in one pass over the
// source, in steps that stay in the processor's cache. Values; one thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/copy.h"
#include "io/memory.h"
#include "kv/checksum.h"

namespace cairn {

inline constexpr std::uint64_t kPoolSegmentBytes = 1 << 20;  // has a digest of its own; the last one may be shorter
inline constexpr std::uint64_t segments_of(std::uint64_t bytes) {
  return (bytes + kPoolSegmentBytes - 1) / kPoolSegmentBytes;
}

// Scattered memory from its beginning on, in pieces that lie together.
class ScatterWalk {
 public:
  explicit ScatterWalk(Scatter pieces) : pieces_(pieces) {}
  // The next bytes, at least one, at most `bytes_max`; there are as many left (the caller's).
  std::span<std::byte> next(std::uint64_t bytes_max);

 private:
  Scatter pieces_;
  std::size_t piece_ = 0;
  std::uint64_t inside_ = 0;
};

// Digests of what was read. `bytes`: of this segment.
Checksum128 copy_segment_in(const CopyChoice& copy, ScatterWalk& from, std::byte* slot, std::uint64_t bytes);
Checksum128 copy_segment_out(const CopyChoice& copy, const std::byte* slot, ScatterWalk& into, std::uint64_t bytes);

std::uint64_t bytes_of(Scatter memory);

}  // namespace cairn
