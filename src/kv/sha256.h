// SHA-256 of bytes that arrive in pieces. Names of stores, chunks and tenants are made of it; payload is not
// (checksum.h). One thread per object; movable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/digest.h"

namespace cairn {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(const void* bytes, std::size_t size);
  Sha256& update(std::string_view text) { return update(text.data(), text.size()); }
  Sha256& update(const Digest& digest) { return update(digest.bytes.data(), digest.bytes.size()); }
  Sha256& update_u32(std::uint32_t value);  // four bytes, little-endian
  Digest finish();                          // and ready for the next message

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256(std::span<const std::uint8_t> bytes);
Digest sha256(std::string_view text);

}  // namespace cairn
