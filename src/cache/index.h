// What is known to be where. Positive answers only, each trusted for a while (others may evict from a shared tier);
// bounded: the entry untouched longest makes room. Any thread: one lock per part.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "base/mutex.h"
#include "cache/placement.h"
#include "kv/keys.h"

namespace cairn {

struct BlockKey {
  ChunkKey key;
  std::uint32_t shard = 0;
  auto operator<=>(const BlockKey&) const = default;
};
inline BlockKey key_of(const KvBlockId& id) { return {id.chunk.key, id.shard}; }

struct BlockKeyHash {
  std::size_t operator()(const BlockKey& block) const noexcept {
    return std::hash<ChunkKey>{}(block.key) ^ (block.shard * 0x9e3779b97f4a7c15ull);
  }
};

class Index {
 public:
  static constexpr std::size_t kParts = 16;
  Index(std::size_t entries_max, std::int64_t trust_us) : part_max_(entries_max / kParts + 1), trust_us_(trust_us) {}

  void add(const BlockKey& block, std::size_t tier, std::int64_t now_us);
  void remove(const BlockKey& block, std::size_t tier);
  TierMask where(const BlockKey& block, std::int64_t now_us);  // tiers known to have it
  std::size_t size() const;

 private:
  struct Entry {
    BlockKey block;
    TierMask tiers = 0;
    std::array<std::int64_t, 8> known_us{};
  };
  struct Part {
    mutable Mutex mutex;
    std::list<Entry> recent CAIRN_GUARDED_BY(mutex);  // front: touched last
    std::unordered_map<BlockKey, std::list<Entry>::iterator, BlockKeyHash> entries CAIRN_GUARDED_BY(mutex);
  };
  Part& part_of(const BlockKey& block) { return parts_[(BlockKeyHash{}(block) >> 7) % kParts]; }

  std::size_t part_max_;
  std::int64_t trust_us_;
  std::array<Part, kParts> parts_;
};

}  // namespace cairn
