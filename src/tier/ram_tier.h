// Blocks in host memory: one region taken at open and touched behind it, cut into equal slots; index and checksums lie
// outside it. Least recently used blocks make room; a block that is being read, or lent, stays. Any thread; copies run
// on the tier's own threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kv/checksum.h"
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

  // For a daemon whose clients fill and read slots through mappings of their own (shareable).
  struct OpenSlot {
    std::uint32_t number = 0;
    std::uint64_t generation = 0;
    MemoryRef memory;
  };
  // A slot to fill for a block of `bytes`; ends with seal or give_up. Unset: nothing can make room.
  std::optional<OpenSlot> reserve(const KvBlockId& id, std::uint64_t bytes);
  // The block is there from now on, with the digests (of kPoolSegmentBytes each) of what was meant to be in the slot:
  // whoever reads it compares. False: not as many as the block has segments, and the slot is free again.
  bool seal(std::uint32_t slot, std::vector<Checksum128> digests);
  void give_up(std::uint32_t slot);
  struct SealedSlot {
    std::uint32_t number = 0;
    std::uint64_t generation = 0;
    std::span<const Checksum128> digests;  // of kPoolSegmentBytes each; valid until unpin
    MemoryRef memory;
  };
  // As kLend, but nothing is compared: that is the reader's, in the pass in which it copies. Unset: not there.
  std::optional<SealedSlot> pin(const KvBlockId& id);
  void unpin(std::uint32_t slot);
  std::uint32_t slots() const;
  int generations_descriptor() const;  // a u64 a slot, in its order: RamIndex::generation

 private:
  struct State;
  explicit RamTier(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cairn
