// Three operations, in the order a request needs them; each is a caller-owned Operation (io/completion.h).
// The cache knows blocks of memory, not an engine's pages. Tiers are given fastest first.
//
// Threads: lookup/load/save/cancel from any thread. The cache's own work (state machines, deadlines, background
// write-through, promotion) advances in advance(), which one thread at a time calls: CacheThread in the product, the
// simulation in tests. No operation needs the caller to do anything but wait for its queue.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/load_forecast.h"
#include "base/result.h"
#include "cache/config.h"
#include "io/completion.h"
#include "io/memory.h"
#include "kv/keys.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "tier/tier.h"

namespace cairn {

class TieredCache;
struct LeaseState;

// Pin on a found prefix: while it lives, RAM copies of its chunks are not evicted. Move-only; destroying it releases.
class PrefixLease {
 public:
  PrefixLease() = default;
  explicit PrefixLease(std::shared_ptr<LeaseState> state);
  PrefixLease(PrefixLease&&) noexcept = default;
  PrefixLease& operator=(PrefixLease&&) noexcept = default;
  ~PrefixLease();
  std::size_t chunks() const;  // leading chunks found, all wanted shards present
  const std::shared_ptr<LeaseState>& state() const { return state_; }

 private:
  std::shared_ptr<LeaseState> state_;  // shared with a load under way
};

// Where wanted chunks went. tier[i] counts chunks for tier i (order of open); reason counts chunks not served.
struct ChunkTally {
  static constexpr std::size_t kTiersMax = 8;
  std::array<std::uint32_t, kTiersMax> tier{};
  std::array<std::uint32_t, static_cast<std::size_t>(MissReason::kCount_)> missed{};
};

// The longest stored prefix of `chunks`, beginning at the first: `found` leases it. What lies behind a hit and why is
// in `tally.missed` (sums to chunks.size() - found.chunks()). Comes back within load_stall_ms.
struct Lookup final : Operation {
  using Operation::Operation;
  std::span<const ChunkId> chunks;
  double prefill_tokens_per_s = 0;  // 0: not measured yet, then everything found is worth loading
  LoadPolicy policy = LoadPolicy::kAuto;
  PrefixLease found;
  ChunkTally tally;
  LoadForecast forecast;
};

// Lease -> memory in prefix order; stops at the first block that is not whole. `into` has one Scatter per chunk and
// wanted shard, chunk-major. [0, chunks_loaded) chunks are verified and filled; nothing is claimed about the rest,
// and memory of the rest may be held (io/memory.h). Never fails: result() is an error only on cancel and drain.
struct Load final : Operation {
  using Operation::Operation;
  PrefixLease lease;
  std::size_t first_chunk = 0;  // leading leased chunks that the caller has already
  std::span<const Scatter> into;
  double prefill_tokens_per_s = 0;
  std::size_t chunks_loaded = 0;  // counted from first_chunk
  ChunkTally tally;               // tier sums to chunks_loaded
};

// Memory -> the fastest tier that accepts; slower tiers follow in the background. Comes back once the memory may be
// reused. chunks_saved counts chunks that at least one tier reported as stored, in any position.
struct Save final : Operation {
  using Operation::Operation;
  std::span<const ChunkId> chunks;
  std::span<const Scatter> from;  // one per chunk and wanted shard, chunk-major
  std::size_t chunks_saved = 0;
};

struct CacheDeps {
  Clock& clock;
  Metrics& metrics;
  Log& log;
};

class TieredCache {
 public:
  // `shards`: the cells that this process wants and writes (BlockLayout::cells_of). `block_bytes` per shard entry.
  static Result<std::unique_ptr<TieredCache>> open(const CacheConfig& config,
                                                   std::vector<std::unique_ptr<Tier>> fastest_first,
                                                   std::vector<std::uint32_t> shards,
                                                   std::vector<std::uint64_t> block_bytes, const CacheDeps& deps);
  virtual ~TieredCache() = default;  // checked: drained
  virtual void lookup(Lookup& op) = 0;
  virtual void load(Load& op) = 0;
  virtual void save(Save& op) = 0;
  virtual void cancel(Operation& op) = 0;  // a hint; the operation still comes back once
  // Does what is ready, without blocking; returns the time of the next thing to do (absolute, the deps' clock).
  virtual Deadline advance() = 0;
  // Blocks the caller's thread until something is ready for advance() or `timeout_us` passed.
  virtual void wait_us(std::int64_t timeout_us) = 0;
  // Two-phase stop: refuses new operations, gives background stores until `deadline`, returns when the last operation
  // came back. `false`: stores were dropped (and counted) or memory is still held: leave by _exit.
  virtual bool drain(Deadline deadline) = 0;
  virtual std::span<const std::unique_ptr<Tier>> tiers() const = 0;
  virtual std::int64_t now_us() const = 0;  // of the deps' clock
};

// The product's driver: one thread that waits and advances until stopped.
class CacheThread {
 public:
  explicit CacheThread(TieredCache& cache);
  ~CacheThread();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn
