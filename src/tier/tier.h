// The narrow waist: one data method, so that a wrapper (metered, throttled, faulty) overrides one thing.
// A tier keeps blocks and promises nothing: a put may be refused, a block may vanish at any time. But a get never
// yields bytes other than those put under that id. Callable from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "io/completion.h"
#include "io/memory.h"
#include "kv/keys.h"

namespace cairn {

enum class Verb : std::uint8_t {
  kContains,  // is the block there (a hint: it may vanish)
  kGet,       // block -> memory, verified
  kPut,       // memory -> block; kDone only when it is stored and visible
  kErase,
  kLend,    // pins a verified block in the tier's own region: slot.lent (tiers whose traits say lends)
  kReturn,  // ends a lend: slot.lent as it was lent
};

enum class Outcome : std::uint8_t {
  kPending,
  kDone,
  kMiss,     // absent, vanished, foreign: no bytes were claimed
  kRefused,  // admission, capacity, read-only: not stored
  kCorrupt,  // failed its own checksum, key or length twice
  kFailed,   // I/O error, timeout, cancelled
};

// Why a wanted token was not served from a tier. Each miss has exactly one; the sum over reasons is what was computed.
enum class MissReason : std::uint8_t {
  kNone,
  kTail,         // behind the last whole chunk, or the token that must always be computed
  kAbsent,       // no tier has the chunk
  kVanished,     // found by lookup, gone at load
  kForeign,      // other root, layout or a newer format under our name
  kCorrupt,      // failed verification
  kDenied,       // permission
  kFailed,       // I/O error
  kTimeout,      // deadline of lookup or load
  kStalled,      // I11: no verified segment in time
  kSlower,       // loading was predicted slower than computing
  kBreakerOpen,  // the tier that has or may have it is skipped
  kBusy,         // a bound of ours was full (pages, queue, bytes in flight)
  kDisabled,     // load policy `never`, or no tier configured
  kCount_,
};
std::string_view to_string(MissReason reason);
std::string_view to_string(Outcome outcome);
std::string_view to_string(Verb verb);

// One row of a batch.
struct BlockSlot {
  KvBlockId id;
  std::span<const MemoryRef> memory;    // get fills it, put reads it; payload order, sizes sum to the block's raw bytes
  MemoryRef lent;                       // kLend / kReturn only
  Outcome outcome = Outcome::kPending;  // set by the tier before completion
  MissReason reason = MissReason::kNone;  // set with kMiss, kCorrupt, kFailed, kRefused
};

struct Batch;
// Sees a batch just before it goes home: on the tier's thread, rows complete; must not block.
class BatchWatch {
 public:
  virtual ~BatchWatch() = default;
  virtual void on_finish(Batch& batch, const Result<void>& result) noexcept = 0;
};

// Unit of tier work. Rows are independent; a tier works them in order as far as it can, so that leading chunks of a
// prefix come first.
struct Batch final : Operation {
  using Operation::Operation;
  Verb verb = Verb::kContains;
  std::span<BlockSlot> slots;
  Deadline deadline;
  // Progress that a waiting owner may read while the batch is under way (I11): when the first row left the tier's
  // own queue (0 before), and how many segments have been verified (get) or written (put).
  std::atomic<std::int64_t> started_us{0};
  std::atomic<std::uint64_t> segments_done{0};

  // For tiers and wrappers; a caller leaves them alone.
  Batch* stands_for = nullptr;    // a wrapper's inner batch: progress is told to the batch that it stands for
  BatchWatch* watch = nullptr;    // at most one
  std::int64_t submitted_us = 0;  // the watch's
  void start() {
    begin();
    started_us = 0;
    segments_done = 0;
  }  // first act of submit
  void report_started(std::int64_t now_us) {
    std::int64_t zero = 0;
    started_us.compare_exchange_strong(zero, now_us);
    if (stands_for != nullptr) stands_for->report_started(now_us);
  }
  void report_segments(std::uint64_t count) {
    segments_done.fetch_add(count);
    if (stands_for != nullptr) stands_for->report_segments(count);
  }
  // Tells the watch, then hands the batch back. Every tier completes through this; the batch is the caller's
  // afterwards.
  void finish(Result<void> result) noexcept;
};

struct TierTraits {
  std::string_view name;                // "ram", "file", ... as in metrics and usage
  std::uint32_t alignment = 1;          // of each MemoryRef's address and size
  std::uint32_t pieces_max = 1u << 20;  // MemoryRefs per slot
  bool reads_device = false, durable = false, shared = false, lends = false, read_only = false;
};

struct TierUsage {
  std::uint64_t used_bytes = 0, capacity_bytes = 0, blocks = 0, inflight_bytes = 0;
  std::uint64_t held_bytes = 0;  // memory of abandoned operations
};

class Tier {
 public:
  virtual ~Tier() = default;  // checked: nothing in flight
  virtual TierTraits traits() const = 0;
  virtual TierUsage usage() const = 0;
  // Never blocks. The batch (begun by submit through `batch.start()`) comes back once, every slot with an outcome.
  virtual void submit(Batch& batch) = 0;
  // A hint; the batch still comes back, once, soon (rows not done by then are kFailed/kTimeout).
  virtual void cancel(Batch& batch) = 0;
};

}  // namespace cairn
