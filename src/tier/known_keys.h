// A bounded memory of keys: which blocks were seen lately. A fingerprint of 48 bits and the time each, in a table of
// fixed size where a later key takes the place of an earlier one: an answer is a hint. Any thread.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>

#include "kv/keys.h"

namespace cairn {

class KnownKeys {
 public:
  explicit KnownKeys(std::uint32_t keys_max)
      : slots_(std::bit_ceil(keys_max)), table_(std::make_unique<std::atomic<std::uint64_t>[]>(slots_)) {}
  void add(const KvBlockId& id, std::int64_t now_us) { slot(id).store(print(id) | minute(now_us)); }
  void remove(const KvBlockId& id) {
    std::uint64_t there = slot(id).load();
    if (same(there, id)) slot(id).compare_exchange_strong(there, 0);
  }
  // Seen within the last `fresh_us`; what others removed since is not known.
  bool has(const KvBlockId& id, std::int64_t now_us, std::int64_t fresh_us) const {
    const std::uint64_t there = slot(id).load();
    return same(there, id) && ((minute(now_us) - there) & kMinutes) <= minute(fresh_us);
  }
  // Of a set that does not age.
  void add(const KvBlockId& id) { add(id, 0); }
  bool has(const KvBlockId& id) const { return same(slot(id).load(), id); }

 private:
  static constexpr std::uint64_t kMinutes = 0xffff;
  static std::uint64_t minute(std::int64_t us) { return static_cast<std::uint64_t>(us / 60'000'000) & kMinutes; }
  // Keys are SHA-256: their bytes are as good as random. 0 is an empty slot.
  static std::uint64_t word(const KvBlockId& id, std::size_t at) {
    std::uint64_t value;
    std::memcpy(&value, id.chunk.key.digest.bytes.data() + at, sizeof value);
    return value;
  }
  static std::uint64_t print(const KvBlockId& id) {
    return ((word(id, 0) ^ id.shard * 0x9E3779B97F4A7C15ull) | (1ull << 63)) & ~kMinutes;
  }
  static bool same(std::uint64_t there, const KvBlockId& id) { return (there & ~kMinutes) == print(id); }
  std::atomic<std::uint64_t>& slot(const KvBlockId& id) const {
    return table_[(word(id, 8) + id.shard) & (slots_ - 1)];
  }

  const std::uint64_t slots_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> table_;
};

}  // namespace cairn
