// Little-endian fields in byte buffers, byte sizes as people write them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn {

static_assert(std::endian::native == std::endian::little, "formats are little-endian and read in place");

template <class T>
inline T load_le(const void* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
inline void store_le(void* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof value);
}

inline constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;

inline constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// "256MiB", "1.5GB", "4096", "100 k": binary suffixes KiB..TiB, decimal k/M/G/T with optional B. kInvalid otherwise.
Result<std::uint64_t> parse_bytes(std::string_view text);
// 5.6 MiB, 1.0 GiB, 512 B.
std::string format_bytes(std::uint64_t bytes);
// Decimal or 0 -> text without locale.
Result<std::uint64_t> parse_u64(std::string_view text);

}  // namespace cairn
