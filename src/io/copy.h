// Copies of block size inside host memory. glibc's memcpy keeps both sides in the cache up to a threshold far above a
// block; a non-temporal kernel is often faster and leaves the cache to the computation. Which one, is measured.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace cairn {

using CopyFunction = void (*)(std::byte* into, const std::byte* from, std::size_t bytes);

void copy_cached(std::byte* into, const std::byte* from, std::size_t bytes);  // memcpy
void copy_streaming(std::byte* into, const std::byte* from,
                    std::size_t bytes);  // non-temporal stores; memcpy elsewhere

struct CopyChoice {
  CopyFunction copy = &copy_cached;
  const char* name = "memcpy";
  double cached_gb_per_s = 0, streaming_gb_per_s = 0;
};
// Takes at most about 10 ms; allocates 8 MiB for the time of the call. Any thread.
CopyChoice measure_copy(const Clock& clock);

}  // namespace cairn
