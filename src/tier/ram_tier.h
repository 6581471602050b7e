// Blocks in host memory: one region taken at open and touched behind it, cut into equal slots; index and checksums lie
// outside it. Least recently used blocks make room; a block that is being read, or lent, stays. Any thread; copies run
// on the tier's own threads.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "telemetry/log.h"
#include "tier/tier.h"

namespace cairn {

struct RamTierConfig {
  std::uint64_t capacity_bytes = std::uint64_t{1} << 30;
  std::uint32_t copy_threads = 2;
  std::uint32_t queue_max = 4096;
  bool huge_pages = true;
  bool shareable = false;

  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    v.field("capacity_bytes", &RamTierConfig::capacity_bytes, "host memory for blocks, taken at start");
    v.field("copy_threads", &RamTierConfig::copy_threads, "threads that copy and verify blocks");
    v.field("queue_max", &RamTierConfig::queue_max, "waiting pieces of work; beyond it batches are refused as busy");
    v.field("huge_pages", &RamTierConfig::huge_pages, "2 MiB pages where the system has them");
    v.field("shareable", &RamTierConfig::shareable, "memory that other processes can map (memfd)");
  }
};

struct RamTierDeps {
  const Clock& clock;
  Log& log;
};

class MemoryRegion;

class RamTier final : public Tier {
 public:
  // `block_bytes`: the largest block of the store. kInvalid when not even one fits, kExhausted when the system has no
  // such memory.
  static Result<std::unique_ptr<RamTier>> open(const RamTierConfig& config, std::uint64_t block_bytes,
                                               const RamTierDeps& deps);
  ~RamTier() override;  // drains; checked: nothing lent

  TierTraits traits() const override;
  TierUsage usage() const override;
  void submit(Batch& batch) override;
  void cancel(Batch& batch) override;
  // Refuses new batches (kReturn is still taken) and waits for those under way.
  void drain();

  MemoryRegion& region();
  std::uint64_t slot_bytes() const;

 private:
  struct State;
  explicit RamTier(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn
