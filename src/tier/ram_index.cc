#include "base/check.h"
#include "tier/ram_state.h"

namespace cairn {
namespace {

constexpr int kHeldVictimsMax = 8;  // victims that a kernel call may still touch, passed over in one search

RamBlockName name_of(const KvBlockId& id) { return {id.chunk.key.digest, id.shard}; }

}  // namespace

RamIndex::RamIndex(MemoryRegion& region, std::uint64_t slot_bytes, std::uint32_t slots,
                   std::atomic<std::uint64_t>* generations)
    : region_(region), slot_bytes_(slot_bytes), generations_(generations), entries_(slots), lru_(slots) {
  MutexLock lock(mutex_);
  free_.reserve(slots);
  for (std::uint32_t slot = slots; slot > 0; --slot) free_.push_back(slot - 1);
  index_.reserve(slots);
}

RamIndex::Found RamIndex::contains(const KvBlockId& id) {
  MutexLock lock(mutex_);
  const auto found = index_.find(name_of(id));
  if (found == index_.end()) return Found::kNo;
  if (entries_[found->second].id != id) return Found::kOther;
  lru_.touch(found->second);
  return Found::kYes;
}

RamIndex::Found RamIndex::pin(const KvBlockId& id, std::uint32_t& slot) {
  MutexLock lock(mutex_);
  const auto found = index_.find(name_of(id));
  if (found == index_.end()) return Found::kNo;
  if (entries_[found->second].id != id) return Found::kOther;
  slot = found->second;
  lru_.pin(slot);
  ++pins_;
  return Found::kYes;
}

void RamIndex::unpin(std::uint32_t slot) {
  MutexLock lock(mutex_);
  lru_.unpin(slot);
  --pins_;
  if (entries_[slot].doomed && lru_.pins(slot) == 0) free_locked(slot);
}

std::optional<std::uint32_t> RamIndex::reserve() {
  MutexLock lock(mutex_);
  // Held slots stay in the free list and are passed over; there are no more of them than calls left behind.
  for (std::size_t i = free_.size(); i > 0; --i) {
    const std::uint32_t slot = free_[i - 1];
    if (held(slot)) continue;
    free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    filling_bytes_ += slot_bytes_;
    turn(slot);
    return slot;
  }
  for (int tries = 0; tries < kHeldVictimsMax; ++tries) {
    const std::optional<std::uint32_t> victim = lru_.victim();
    if (!victim) return std::nullopt;
    leave_index(*victim);
    free_locked(*victim);
    if (held(*victim)) continue;
    free_.pop_back();
    filling_bytes_ += slot_bytes_;
    turn(*victim);
    return victim;
  }
  return std::nullopt;
}

void RamIndex::give_up(std::uint32_t slot) {
  MutexLock lock(mutex_);
  turn(slot);
  filling_bytes_ -= slot_bytes_;
  entries_[slot] = RamEntry{};
  free_.push_back(slot);
}

void RamIndex::commit(std::uint32_t slot) {
  MutexLock lock(mutex_);
  turn(slot);
  filling_bytes_ -= slot_bytes_;
  const auto [at, fresh] = index_.try_emplace(name_of(entries_[slot].id), slot);
  if (!fresh && entries_[at->second].id == entries_[slot].id) {
    lru_.touch(at->second);
    entries_[slot] = RamEntry{};
    free_.push_back(slot);
    return;
  }
  if (!fresh) {  // same key, another chunk: the newer one stays
    const std::uint32_t old = at->second;
    leave_index(old);
    if (lru_.pins(old) == 0) free_locked(old);
    index_[name_of(entries_[slot].id)] = slot;
  }
  lru_.insert(slot);
  used_bytes_ += entries_[slot].bytes;
  ++blocks_;
}

bool RamIndex::erase(const KvBlockId& id) {
  MutexLock lock(mutex_);
  const auto found = index_.find(name_of(id));
  if (found == index_.end() || entries_[found->second].id != id) return false;
  const std::uint32_t slot = found->second;
  leave_index(slot);
  if (lru_.pins(slot) == 0) free_locked(slot);
  return true;
}

void RamIndex::erase_slot(std::uint32_t slot) {
  MutexLock lock(mutex_);
  CAIRN_CHECK(lru_.pins(slot) > 0, "erased a slot that is not pinned");
  if (!entries_[slot].doomed) leave_index(slot);
}

// Readers that pinned the slot go on; its bytes count until the last of them is gone.
void RamIndex::leave_index(std::uint32_t slot) {
  const auto found = index_.find(name_of(entries_[slot].id));
  if (found != index_.end() && found->second == slot) index_.erase(found);
  entries_[slot].doomed = true;
}

void RamIndex::free_locked(std::uint32_t slot) {
  lru_.remove(slot);
  used_bytes_ -= entries_[slot].bytes;
  --blocks_;
  entries_[slot] = RamEntry{};
  free_.push_back(slot);
}

std::uint32_t RamIndex::slot_of(const std::byte* data) const {
  const auto offset = static_cast<std::uint64_t>(data - region_.data());
  CAIRN_CHECK(data >= region_.data() && offset % slot_bytes_ == 0 && offset / slot_bytes_ < entries_.size(),
              "returned memory that was never lent");
  return static_cast<std::uint32_t>(offset / slot_bytes_);
}

TierUsage RamIndex::usage() const {
  MutexLock lock(mutex_);
  TierUsage usage;
  usage.used_bytes = used_bytes_;
  usage.capacity_bytes = entries_.size() * slot_bytes_;
  usage.blocks = blocks_;
  usage.inflight_bytes = filling_bytes_;
  usage.held_bytes = region_.held_bytes();
  return usage;
}

std::uint32_t RamIndex::pins() const {
  MutexLock lock(mutex_);
  return pins_;
}

}  // namespace cairn
