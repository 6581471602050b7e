#include "io/copy.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/bytes.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace cairn {
namespace {

constexpr std::size_t kSampleBytes = 4 * kMiB;
constexpr std::int64_t kSampleBudgetUs = 4000;  // for each kernel

double best_gb_per_s(const Clock& clock, CopyFunction copy, std::byte* into, const std::byte* from) {
  double best = 0;
  const std::int64_t begin = clock.now_us();
  for (int round = 0; round < 8; ++round) {
    const std::int64_t before = clock.now_us();
    copy(into, from, kSampleBytes);
    const std::int64_t after = clock.now_us();
    best = std::max(
        best, static_cast<double>(kSampleBytes) / 1e3 / static_cast<double>(std::max<std::int64_t>(after - before, 1)));
    if (after - begin > kSampleBudgetUs) break;
  }
  return best;
}

}  // namespace

void copy_cached(std::byte* into, const std::byte* from, std::size_t bytes) { std::memcpy(into, from, bytes); }

void copy_streaming(std::byte* into, const std::byte* from, std::size_t bytes) {
#if defined(__SSE2__)
  const std::size_t head = std::min<std::size_t>((16 - reinterpret_cast<std::uintptr_t>(into) % 16) % 16, bytes);
  std::memcpy(into, from, head);
  std::size_t at = head;
  for (; at + 64 <= bytes; at += 64) {
    _mm_prefetch(reinterpret_cast<const char*>(from + at + 1024), _MM_HINT_NTA);
    const auto* source = reinterpret_cast<const __m128i*>(from + at);
    auto* target = reinterpret_cast<__m128i*>(into + at);
    const __m128i a = _mm_loadu_si128(source), b = _mm_loadu_si128(source + 1);
    const __m128i c = _mm_loadu_si128(source + 2), d = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, a);
    _mm_stream_si128(target + 1, b);
    _mm_stream_si128(target + 2, c);
    _mm_stream_si128(target + 3, d);
  }
  _mm_sfence();
  std::memcpy(into + at, from + at, bytes - at);
#else
  std::memcpy(into, from, bytes);
#endif
}

CopyChoice measure_copy(const Clock& clock) {
  std::vector<std::byte> from(kSampleBytes, std::byte{1}), into(kSampleBytes, std::byte{2});
  CopyChoice choice;
  choice.cached_gb_per_s = best_gb_per_s(clock, &copy_cached, into.data(), from.data());
  choice.streaming_gb_per_s = best_gb_per_s(clock, &copy_streaming, into.data(), from.data());
  if (choice.streaming_gb_per_s > choice.cached_gb_per_s) {
    choice.copy = &copy_streaming;
    choice.name = "non-temporal";
  }
  return choice;
}

}  // namespace cairn
