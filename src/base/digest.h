// 256-bit content digest (always SHA-256 in Cairn) and the 128-bit principal tag. Plain values.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

namespace cairn {

struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const Digest&) const = default;
};

// Who may share KV with whom. All zero: no tenant and no cache_salt. Equal tags share, others never do.
struct PrincipalTag {
  std::array<std::uint8_t, 16> bytes{};
  bool is_zero() const { return *this == PrincipalTag{}; }
  auto operator<=>(const PrincipalTag&) const = default;
};

// Lower-case hexadecimal, two digits a byte.
std::string to_hex(const std::uint8_t* bytes, std::size_t size);
inline std::string to_hex(const Digest& digest) { return to_hex(digest.bytes.data(), digest.bytes.size()); }
inline std::string to_hex(const PrincipalTag& tag) { return to_hex(tag.bytes.data(), tag.bytes.size()); }

}  // namespace cairn

template <>
struct std::hash<cairn::Digest> {
  std::size_t operator()(const cairn::Digest& digest) const noexcept {
    std::size_t word;
    std::memcpy(&word, digest.bytes.data(), sizeof word);
    return word;
  }
};
