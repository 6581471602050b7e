// What became available or went away, for whoever routes requests by prefix. Bounded: when nobody takes events the
// oldest make room and are counted, and the reader knows that it must start over. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/mutex.h"
#include "kv/keys.h"

namespace cairn {

struct CacheEvent {
  enum class Kind : std::uint8_t { kStored, kRemoved } kind = Kind::kStored;
  std::uint8_t tier = 0;  // order of open
  KvBlockId block;
};

class EventQueue {
 public:
  explicit EventQueue(std::size_t events_max) : events_max_(events_max) {}
  void push(const CacheEvent& event);
  struct Taken {
    std::vector<CacheEvent> events;  // oldest first
    std::uint64_t lost = 0;          // dropped since the last take
  };
  Taken take();

 private:
  const std::size_t events_max_;
  Mutex mutex_;
  std::deque<CacheEvent> events_ CAIRN_GUARDED_BY(mutex_);
  std::uint64_t lost_ CAIRN_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
