// A bounded memory of keys: which blocks were seen. A fingerprint of 64 bits each, in a table of fixed size where a
// later key takes the place of an earlier one: an answer is a hint. Any thread.
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
  void add(const KvBlockId& id) { slot(id).store(print(id), std::memory_order_relaxed); }
  void remove(const KvBlockId& id) {
    std::uint64_t expected = print(id);
    slot(id).compare_exchange_strong(expected, 0, std::memory_order_relaxed);
  }
  bool has(const KvBlockId& id) const { return slot(id).load(std::memory_order_relaxed) == print(id); }

 private:
  // Keys are SHA-256: their bytes are as good as random. 0 is an empty slot.
  static std::uint64_t word(const KvBlockId& id, std::size_t at) {
    std::uint64_t value;
    std::memcpy(&value, id.chunk.key.digest.bytes.data() + at, sizeof value);
    return value;
  }
  static std::uint64_t print(const KvBlockId& id) { return (word(id, 0) ^ id.shard * 0x9E3779B97F4A7C15ull) | 1; }
  std::atomic<std::uint64_t>& slot(const KvBlockId& id) const {
    return table_[(word(id, 8) + id.shard) & (slots_ - 1)];
  }

  const std::uint64_t slots_;
  const std::unique_ptr<std::atomic<std::uint64_t>[]> table_;
};

}  // namespace cairn
