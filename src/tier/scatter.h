// Arithmetic on scattered memory. Values; any thread.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "io/memory.h"
#include "kv/checksum.h"

namespace cairn {

inline std::uint64_t total_bytes(std::span<const MemoryRef> memory) {
  std::uint64_t sum = 0;
  for (const MemoryRef& ref : memory) sum += ref.size;
  return sum;
}

inline bool aligned(std::span<const MemoryRef> memory, std::uint32_t alignment) {
  return std::all_of(memory.begin(), memory.end(), [&](const MemoryRef& ref) {
    return reinterpret_cast<std::uintptr_t>(ref.data) % alignment == 0 && ref.size % alignment == 0;
  });
}

// A kernel call may be left behind with this memory: all of it can be held.
inline bool reachable_by_holds(std::span<const MemoryRef> memory) {
  return std::all_of(memory.begin(), memory.end(), [](const MemoryRef& ref) { return ref.region != nullptr; });
}

// Appends the pieces that make up [begin, begin + bytes) of the block.
inline void slice(std::span<const MemoryRef> memory, std::uint64_t begin, std::uint64_t bytes,
                  std::vector<iovec>& into) {
  for (const MemoryRef& ref : memory) {
    if (bytes == 0) return;
    if (begin >= ref.size) {
      begin -= ref.size;
      continue;
    }
    const std::uint64_t part = std::min(ref.size - begin, bytes);
    into.push_back({ref.data + begin, part});
    begin = 0;
    bytes -= part;
  }
}

inline std::vector<ByteSpan> as_spans(std::span<const MemoryRef> memory) {
  std::vector<ByteSpan> spans;
  spans.reserve(memory.size());
  for (const MemoryRef& ref : memory) spans.emplace_back(ref.data, ref.size);
  return spans;
}

}  // namespace cairn
