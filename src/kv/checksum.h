// XXH3 with seed 0: the checksum of payload segments (128 bits) and of block headers (64 bits). Finds damage, not
// malice. Values; any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace cairn {

using ByteSpan = std::span<const std::byte>;
// Bytes that lie in several places and are meant one after the other: the pages of a block.
using ByteSpans = std::span<const ByteSpan>;

// On media: `low`, then `high`, each little-endian.
struct Checksum128 {
  std::uint64_t low = 0, high = 0;
  auto operator<=>(const Checksum128&) const = default;
};

Checksum128 xxh3_128(ByteSpan bytes);
std::uint64_t xxh3_64(ByteSpan bytes);

// The same 128 bits for bytes that arrive in pieces. Reusable; one thread.
class Xxh3Stream {
 public:
  Xxh3Stream();
  ~Xxh3Stream();
  Xxh3Stream(Xxh3Stream&&) noexcept;
  Xxh3Stream& operator=(Xxh3Stream&&) noexcept;

  void update(ByteSpan bytes);
  bool empty() const { return empty_; }  // nothing since the start or the last finish()
  Checksum128 finish();                  // and ready for the next message

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool empty_ = true;
};

}  // namespace cairn
