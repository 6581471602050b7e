// Memory that I/O touches: regions from one factory, references that name a piece of one, and holds.
//
// A hold says: a kernel call may still write here. An operation abandoned at its deadline comes back with kTimeout
// while its memory stays held until the call really ends; no pool hands out held memory (check `held` before reuse).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/result.h"

namespace cairn {

enum class MemoryKind : std::uint8_t { kHost, kPinned, kDevice };

class MemoryRegion {
 public:
  struct Options {
    std::uint64_t bytes = 0;  // rounded up to 2 MiB
    bool huge_pages = true;   // hugetlb, else transparent (madvise), else 4 KiB: what was got is told by page_kind()
    bool touch = true;        // make every page present now, so that no first touch happens on the data path
    bool shareable = false;   // memfd of fixed size; descriptor() is then valid
    bool background = false;  // touch on a thread of the region's own, while it is used already; see below
    std::uint32_t hold_granule = 4096;
  };
  // kExhausted when the system refuses the memory. Touching gigabytes takes seconds, so a server takes them in the
  // background; check untouched_bytes_of_all() against the system's free memory before. Should the system still refuse
  // a page then, the process ends with one line and status 1: it is seconds old, and better gone now than killed later
  // at any moment.
  static Result<std::unique_ptr<MemoryRegion>> make(const Options& options);
  ~MemoryRegion();  // checked: nothing held
  MemoryRegion(const MemoryRegion&) = delete;
  MemoryRegion& operator=(const MemoryRegion&) = delete;

  std::byte* data() const { return data_; }
  std::uint64_t size() const { return size_; }
  const char* page_kind() const { return page_kind_; }  // "hugetlb", "thp", "4k"
  // Bytes of all regions of this process that are promised and not yet taken from the system: not free any more.
  static std::uint64_t untouched_bytes_of_all();
  void wait_until_touched() const;                // in the background, until all is
  int descriptor() const { return descriptor_; }  // -1 unless shareable

  // Any thread. Ranges are in bytes from data(); counted per granule.
  void hold(std::uint64_t offset, std::uint64_t bytes);
  void release(std::uint64_t offset, std::uint64_t bytes);
  bool held(std::uint64_t offset, std::uint64_t bytes) const;
  std::uint64_t held_bytes() const { return held_granules_.load(std::memory_order_relaxed) * granule_; }

 private:
  MemoryRegion() = default;
  std::byte* data_ = nullptr;
  std::uint64_t size_ = 0, granule_ = 4096;
  const char* page_kind_ = "4k";
  int descriptor_ = -1;
  void touch_behind();
  std::unique_ptr<std::atomic<std::uint16_t>[]> holds_;
  std::atomic<bool> stop_touching_{false}, touched_{true};
  std::thread touching_;
  std::atomic<std::uint64_t> held_granules_{0};
};

// A piece of a region. What outlives a call names memory by this, never by a bare pointer. Plain value; borrowed.
struct MemoryRef {
  std::byte* data = nullptr;
  std::uint64_t size = 0;
  MemoryRegion* region = nullptr;  // null: memory that no abandoned call can reach (copied synchronously, tests)
  MemoryKind kind = MemoryKind::kHost;
  std::uint16_t device = 0;

  std::uint64_t offset() const { return static_cast<std::uint64_t>(data - region->data()); }
  void hold() const {
    if (region) region->hold(offset(), size);
  }
  void release() const {
    if (region) region->release(offset(), size);
  }
};
using Scatter = std::span<const MemoryRef>;  // one block as it lies in memory, in payload order

}  // namespace cairn
