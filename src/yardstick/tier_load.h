// Blocks through a tier as fast as a bounded number of batches goes, and what that took. Blocks the caller. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "io/memory.h"
#include "kv/identity.h"
#include "kv/layout.h"
#include "tier/tier.h"

namespace cairn {

struct BlockShape {
  std::uint32_t layers = 30, kv_heads = 3, head_dim = 64;  // 5.6 MiB as given
  std::uint32_t chunk_tokens = 256;
  std::uint32_t batch_blocks = 8, batches_in_flight = 2;

  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    v.field("layers", &BlockShape::layers, "shape of a block: layers");
    v.field("kv_heads", &BlockShape::kv_heads, "shape of a block: KV heads");
    v.field("head_dim", &BlockShape::head_dim, "shape of a block: head size");
    v.field("chunk_tokens", &BlockShape::chunk_tokens, "shape of a block: tokens");
    v.field("batch_blocks", &BlockShape::batch_blocks, "blocks of one batch");
    v.field("batches_in_flight", &BlockShape::batches_in_flight, "batches at a time");
  }
};

struct LoadFigures {
  std::uint64_t bytes = 0, failed_rows = 0;         // refused, missing, corrupt: the rate stands for fewer bytes
  double seconds = 0, cpu_s = 0;                    // CPU of this process
  std::uint64_t read_bytes = 0, written_bytes = 0;  // that this process caused at block devices
  double gb_per_s() const { return static_cast<double>(bytes) / 1e9 / seconds; }
};

// Bytes at block devices and CPU time of this process, between two moments.
class Consumption {
 public:
  Consumption();  // now
  void add_to(LoadFigures& figures) const;

 private:
  std::uint64_t read_bytes_ = 0, written_bytes_ = 0;
  double cpu_s_ = 0;
};

class TierLoad {
 public:
  static Result<std::unique_ptr<TierLoad>> make(const BlockShape& shape, const Clock& clock);

  const StoreIdentity& identity() const { return identity_; }
  std::uint64_t block_bytes() const { return block_bytes_; }
  std::byte* memory() const { return region_->data(); }  // random bytes: batch_blocks × batches_in_flight blocks
  std::vector<KvBlockId> fresh_ids(std::size_t count);
  std::vector<KvBlockId> shuffled(std::vector<KvBlockId> ids);
  LoadFigures run(Tier& tier, Verb verb, const std::vector<KvBlockId>& ids);
  // Median microseconds of a batch of 32 lookups.
  double lookup_us(Tier& tier, const std::vector<KvBlockId>& ids);

 private:
  TierLoad(const BlockShape& shape, const Clock& clock) : shape_(shape), clock_(clock) {}
  const BlockShape shape_;
  const Clock& clock_;
  StoreIdentity identity_;
  std::uint64_t block_bytes_ = 0, page_bytes_ = 0;
  std::unique_ptr<MemoryRegion> region_;
  Random random_{2024};
};

double median_of(std::vector<double> values);  // not empty

}  // namespace cairn
