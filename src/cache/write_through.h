// Background stores: blocks that the near tier has go to slower tiers from its own memory (kLend), under a byte
// budget that drops and says so. Lives as long as the cache.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "cache/state.h"

namespace cairn {

class WriteThrough final : public Job {
 public:
  explicit WriteThrough(CacheState& state) : Job(nullptr), state_(state), queues_(state.tiers.size()) {}

  struct Item {
    KvBlockId id;
    TierMask far = 0;
    std::uint64_t bytes = 0;
  };
  // The blocks lie in tier `near`. What the budget does not take is dropped and counted; nothing is claimed about it.
  void add(std::size_t near, const std::vector<Item>& items);
  void drop_all();  // what has not begun
  bool empty() const { return blocks_.empty(); }
  bool dropped() const { return dropped_blocks_ != 0; }

  void returned(Work& work) override;
  Deadline step(std::int64_t now_us) override;
  void cancel(Error) override { drop_all(); }

 private:
  struct Block {
    Item item;
    LentBlock lent;
    bool pinned = false;
    TierMask writing = 0;
  };
  void lend_returned(Work& work);
  void put_returned(Work& work);
  void start(std::size_t tier);
  void skip(std::uint64_t number, std::size_t tier);    // this block will not go to this tier
  void settle(std::uint64_t number, std::size_t tier);  // done with this tier, one way or the other
  void count_dropped(std::uint64_t blocks, std::uint64_t bytes);

  CacheState& state_;
  std::map<std::uint64_t, Block> blocks_;          // by arrival; from add() to the last tier
  std::vector<std::deque<std::uint64_t>> queues_;  // by tier: pinned blocks that have not begun
  std::map<std::size_t, std::uint32_t> writing_;   // by tier: puts under way
  std::uint64_t next_ = 0, waiting_bytes_ = 0, dropped_blocks_ = 0;
  bool closed_ = false;
};

}  // namespace cairn
