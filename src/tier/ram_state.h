// What the parts of the RAM tier share: slots, their entries, the index and the policy, under one lock that is never
// held during a copy.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "io/memory.h"
#include "kv/checksum.h"
#include "tier/lru.h"
#include "tier/tier.h"

namespace cairn {

struct RamBlockName {
  Digest key;
  std::uint32_t shard;
  bool operator==(const RamBlockName&) const = default;
};
struct RamBlockNameHash {
  std::size_t operator()(const RamBlockName& name) const noexcept {
    return std::hash<Digest>{}(name.key) ^ (std::size_t{name.shard} * 0x9e3779b97f4a7c15ull);
  }
};

// One block. Written by its filler before it enters the index, then constant until the slot is free again.
struct RamEntry {
  KvBlockId id;
  std::uint64_t bytes = 0;
  std::vector<Checksum128> digests;  // of kPoolSegmentBytes each
  bool doomed = false;               // left the index; free when the last pin goes
};

// Slots and who is in them. Any thread.
class RamIndex {
 public:
  // `generations`: one a slot, from 0, or none: see generation().
  RamIndex(MemoryRegion& region, std::uint64_t slot_bytes, std::uint32_t slots,
           std::atomic<std::uint64_t>* generations = nullptr);

  enum class Found : std::uint8_t { kYes, kNo, kOther };  // kOther: same key, another chunk
  Found contains(const KvBlockId& id);
  // Pins the block; unpin afterwards.
  Found pin(const KvBlockId& id, std::uint32_t& slot);
  void unpin(std::uint32_t slot);
  // A slot to fill: free, or of the least recent unpinned block. None when all are in use.
  std::optional<std::uint32_t> reserve();
  void give_up(std::uint32_t slot);  // reserved, not committed
  // Makes the filled slot visible; when the block came in meanwhile, frees the slot.
  void commit(std::uint32_t slot);
  bool erase(const KvBlockId& id);
  void erase_slot(std::uint32_t slot);  // pinned by the caller; leaves the index now

  RamEntry& entry(std::uint32_t slot) { return entries_[slot]; }
  // Even while the slot's bytes stand, odd while somebody fills it, never the same for two fillings.
  std::uint64_t generation(std::uint32_t slot) const { return generations_ == nullptr ? 0 : generations_[slot].load(); }
  std::byte* data(std::uint32_t slot) const { return region_.data() + slot * slot_bytes_; }
  std::uint32_t slot_of(const std::byte* data) const;
  std::uint64_t slot_bytes() const { return slot_bytes_; }
  std::uint32_t slots() const { return static_cast<std::uint32_t>(entries_.size()); }
  TierUsage usage() const;
  std::uint32_t pins() const;

 private:
  bool held(std::uint32_t slot) const { return region_.held(slot * slot_bytes_, slot_bytes_); }
  void free_locked(std::uint32_t slot) CAIRN_REQUIRES(mutex_);
  void leave_index(std::uint32_t slot) CAIRN_REQUIRES(mutex_);
  void turn(std::uint32_t slot) {
    if (generations_ != nullptr) generations_[slot].fetch_add(1);
  }

  MemoryRegion& region_;
  std::uint64_t slot_bytes_;
  std::atomic<std::uint64_t>* const generations_;
  std::vector<RamEntry> entries_;  // an entry belongs to its filler, then to readers that pinned it
  mutable Mutex mutex_;
  std::unordered_map<RamBlockName, std::uint32_t, RamBlockNameHash> index_ CAIRN_GUARDED_BY(mutex_);
  std::vector<std::uint32_t> free_ CAIRN_GUARDED_BY(mutex_);
  Lru lru_ CAIRN_GUARDED_BY(mutex_);
  std::uint64_t used_bytes_ CAIRN_GUARDED_BY(mutex_) = 0, filling_bytes_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::uint64_t blocks_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::uint32_t pins_ CAIRN_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
