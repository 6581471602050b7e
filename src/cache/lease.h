// What a lease pins and knows. Blocks that a tier lent go back when the last holder is gone, from whatever thread:
// through the ReturnBox, which the cache empties in advance().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "cache/placement.h"
#include "cache/tiered_cache.h"

namespace cairn {

struct LentBlock {
  KvBlockId id;
  MemoryRef lent;
  std::uint8_t tier = 0;
};

class ReturnBox {
 public:
  explicit ReturnBox(CompletionQueue& wake) : wake_(&wake) {}
  void open_lease();
  void close_lease(std::vector<LentBlock> blocks);  // any thread
  std::vector<LentBlock> take();
  std::size_t leases() const;
  void detach();  // the cache ends: nobody is left to wake

 private:
  mutable Mutex mutex_;
  CompletionQueue* wake_ CAIRN_GUARDED_BY(mutex_);
  std::size_t leases_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::vector<LentBlock> blocks_ CAIRN_GUARDED_BY(mutex_);
};

struct LeaseState {
  explicit LeaseState(std::shared_ptr<ReturnBox> returns);
  ~LeaseState();
  LeaseState(const LeaseState&) = delete;
  LeaseState& operator=(const LeaseState&) = delete;

  std::vector<ChunkId> chunks;
  std::vector<TierMask> where;       // by chunk: tiers that were found to have all wanted shards
  std::vector<std::uint8_t> served;  // by chunk: the tier it was loaded from; kNoTier: not loaded
  LoadPolicy policy = LoadPolicy::kAuto;
  bool loading = false;  // its load has begun: no need to pin any more
  std::vector<LentBlock> lent;

 private:
  std::shared_ptr<ReturnBox> returns_;
};

}  // namespace cairn
