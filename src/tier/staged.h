// Bounce memory for callers whose pieces do not fit a tier's alignment or number of pieces: a bounded, touched region
// of block slots. Blocks that fit pass without a copy. Rows wait when all slots are in use.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "io/memory.h"
#include "tier/wrapper.h"

namespace cairn {

struct StagedConfig {
  std::uint32_t staging_blocks = 8;
  template <class V>
  static void describe(V& v) {
    v.field("staging_blocks", &StagedConfig::staging_blocks, "blocks of bounce memory");
  }
};

class StagedTier final : public Wrapper {
 public:
  // `block_bytes`: the largest block of the store. kExhausted when the system has no such memory.
  static Result<std::unique_ptr<StagedTier>> open(std::unique_ptr<Tier> inner, const StagedConfig& config,
                                                  std::uint64_t block_bytes, const Clock& clock);
  ~StagedTier() override {
    close();
    end_inner();  // before the region: its calls may still write there
  }
  TierTraits traits() const override;
  TierUsage usage() const override;

 private:
  StagedTier(std::unique_ptr<Tier> inner, const Clock& clock, std::unique_ptr<MemoryRegion> region,
             std::uint64_t slot_bytes, std::uint32_t slots);
  bool fits(const RowJob& job) const;
  void start(RowJob& job, std::uint32_t slot);
  void put_back(RowJob& job);
  void on_row(RowJob& job) override;
  void on_inner(RowJob& job) override;
  void on_stopped(RowJob& job) override;
  std::int64_t on_turn(std::int64_t now_us) override;

  TierTraits behind_;
  std::unique_ptr<MemoryRegion> region_;
  std::uint64_t slot_bytes_;
  std::vector<std::uint32_t> free_;
  std::deque<RowJob*> waiting_;
};

}  // namespace cairn
