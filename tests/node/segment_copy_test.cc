// Scattered memory and a slot hold the same bytes after a copy, whatever the pieces, and the digest is that of the
// source.
#include "node/segment_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace cairn {
namespace {

TEST(SegmentCopy, BothWaysInPiecesOfAnySize) {
  Random random(9);
  for (const std::uint64_t bytes :
       {std::uint64_t{1}, std::uint64_t{4096}, kPoolSegmentBytes, kPoolSegmentBytes * 2 + 77}) {
    std::vector<std::byte> source(bytes), slot(bytes), back(bytes);
    for (std::byte& byte : source) byte = static_cast<std::byte>(random.next());
    const auto cut = [&](std::vector<std::byte>& memory) {
      std::vector<MemoryRef> pieces;
      for (std::uint64_t at = 0; at < bytes;) {
        if (random.chance(0.1)) pieces.push_back({memory.data() + at, 0, nullptr, MemoryKind::kHost, 0});
        const std::uint64_t size = std::min(bytes - at, 1 + random.below(200'000));
        pieces.push_back({memory.data() + at, size, nullptr, MemoryKind::kHost, 0});
        at += size;
      }
      return pieces;
    };
    const std::vector<MemoryRef> from = cut(source), into = cut(back);
    EXPECT_EQ(bytes_of(from), bytes);
    ScatterWalk in(from), out(into);
    std::uint64_t segments = 0;
    for (std::uint64_t at = 0; at < bytes; at += kPoolSegmentBytes, ++segments) {
      const std::uint64_t size = std::min(kPoolSegmentBytes, bytes - at);
      const Checksum128 wanted = xxh3_128({source.data() + at, size});
      EXPECT_EQ(copy_segment_in(CopyChoice(), in, slot.data() + at, size), wanted);
      EXPECT_EQ(copy_segment_out(CopyChoice(), slot.data() + at, out, size), wanted);
    }
    EXPECT_EQ(segments, segments_of(bytes));
    EXPECT_EQ(slot, source);
    EXPECT_EQ(back, source);
  }
}

}  // namespace
}  // namespace cairn
