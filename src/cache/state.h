// The only struct that the operations share. Touched by the thread inside advance() alone; what other threads hand in
// goes through Intake and ReturnBox.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache/breaker.h"
#include "cache/config.h"
#include "cache/index.h"
#include "cache/lease.h"
#include "cache/placement.h"
#include "cache/probe.h"
#include "cache/rate.h"
#include "cache/tiered_cache.h"

namespace cairn {

// Named bounds. What has a configuration field stands in config.h.
inline constexpr std::size_t kJobsMax = 4096;               // operations under way; more come back at once
inline constexpr std::uint64_t kBatchBytesMax = 64 * kMiB;  // one batch of a load or save
inline constexpr std::uint32_t kLoadBatchesMax = 4;         // of one load at a time
inline constexpr std::uint32_t kThroughBlocksMax = 4;       // background stores of one tier at a time
inline constexpr std::int64_t kTransferMaxUs = 30'000'000;  // any transfer, however slowly it moves
inline constexpr std::int64_t kIndexTrustUs = 60'000'000;   // others may evict from a shared tier
inline constexpr std::int64_t kPinAfterUs = 50'000;         // a lease that nobody loads is pinned from then on
inline constexpr std::size_t kIndexEntriesMax = 1u << 18;

class Job;

// One batch and all memory that its rows name: it may outlive the operation that wanted it.
struct Work {
  Work(CompletionQueue& home, Verb verb, std::size_t on_tier);
  void add(const KvBlockId& id, Scatter pieces, std::uint32_t row);

  Batch batch;
  std::size_t tier;
  Job* owner = nullptr;  // null: nobody waits for it any more
  std::vector<BlockSlot> slots;
  std::vector<std::uint32_t> rows;  // the owner's number of each slot
  std::vector<MemoryRef> memory;
  std::vector<std::pair<std::size_t, std::size_t>> pieces;  // of each slot: first and count in `memory`
  std::uint64_t bytes = 0;
  std::int64_t submitted_us = 0;
  std::int64_t progress_us = 0;  // when it left the tier's queue, then when a segment was last seen verified
  std::uint64_t segments_seen = 0;
  bool held = false;  // its memory is held until it comes back
  bool cancelled = false;
  bool gave_up = false;  // cancelled as too slow, and measured then
};

// One operation under way: a small state machine.
class Job {
 public:
  explicit Job(Operation* of) : operation(of) {}
  virtual ~Job() = default;
  virtual void returned(Work& work) = 0;           // one of its batches came back
  virtual Deadline step(std::int64_t now_us) = 0;  // does what can be done; when to be asked again
  virtual void cancel(Error error) = 0;            // ends soon, with this result
  Operation* const operation;                      // null for the cache's own work
  bool finished = false;
  std::uint32_t works = 0;  // batches under way
};

struct TierState {
  Tier* tier = nullptr;
  TierTraits traits;
  std::string name;
  bool near = false;  // in this process's memory: asked exactly, lends, takes promotions
  Breaker breaker{1, 1};
  RateMeter rate;
  std::uint64_t reading_bytes = 0;  // gets under way
  std::uint64_t pinned_bytes = 0;   // lent to leases and background stores
  std::int64_t answered_us = 0;     // last sign of life
  std::int64_t read_end_us = 0;     // last get that came back
  KvBlockId probe_id;               // what a half-open breaker asks for
  bool has_probe_id = false;
};

class LoadJob;
struct Claim {  // a chunk that a load is bringing; others wait instead of loading it again
  LoadJob* owner = nullptr;
  ChunkId chunk;
  std::vector<std::pair<LoadJob*, std::size_t>> waiting;  // job and its chunk
};

class WriteThrough;

struct CacheState {
  CacheState(const CacheConfig& with, std::vector<std::unique_ptr<Tier>> fastest_first,
             std::vector<std::uint32_t> wanted, std::vector<std::uint64_t> bytes, const CacheDeps& with_deps);
  ~CacheState();

  // Batches.
  std::unique_ptr<Work> make(Verb verb, std::size_t tier) { return std::make_unique<Work>(done, verb, tier); }
  Work& submit(std::unique_ptr<Work> work, Job* owner, Deadline deadline);
  void collect(Operation& op);  // one that came back
  void cancel(Work& work);
  // The job's gets are too slow, and about to be cancelled: learns how slow their tiers are.
  void give_up(const Job& job);
  // Nobody waits for it any more: the tier is told, and what it may still write to or read from stays held.
  void abandon(Work& work);
  void abandon_all(Job& job);
  bool abandonable(const Work& work) const;  // false: memory that cannot be held, so it must come back first
  bool room_for(std::uint64_t bytes, std::uint64_t batched_bytes = 0) const;  // batched: with others of one batch
  bool watch(Work& work);                                                     // true: progress since the last look
  std::int64_t sign_of_life_us(std::size_t tier);  // when any batch of the tier was last seen to move

  // Breakers.
  bool allows(std::size_t tier) const { return tiers[tier].breaker.allows(); }
  void good(std::size_t tier, Breaker::Kind kind);
  void bad(std::size_t tier, Breaker::Kind kind);
  void stalled(std::size_t tier, Breaker::Kind kind);
  Deadline probe_breakers();

  void give_back(std::vector<LentBlock> blocks);
  std::int64_t stall_us() const { return std::int64_t{config.load_stall_ms} * 1000; }
  std::int64_t grace_us() const { return stall_us() / 20; }
  std::int64_t stall_window_us(std::size_t tier) const;  // I11
  std::int64_t put_window_us() const;
  std::uint64_t chunk_bytes() const { return bytes_per_chunk; }
  PutTargets targets() const;

  const CacheConfig config;
  CacheDeps deps;
  std::vector<std::unique_ptr<Tier>> owned;
  std::vector<std::uint32_t> shards;
  std::vector<std::uint64_t> block_bytes;
  std::uint64_t bytes_per_chunk = 0, segment_bytes = 0;
  CompletionQueue done;  // of every batch
  std::vector<TierState> tiers;
  CacheProbe probe;
  Index index{kIndexEntriesMax, kIndexTrustUs};
  std::shared_ptr<ReturnBox> returns;
  std::map<std::uint64_t, std::unique_ptr<Work>> under_way;  // by submission
  std::map<std::uint64_t, std::unique_ptr<Job>> jobs;        // by arrival
  std::unordered_map<ChunkKey, Claim> claims;
  std::map<BlockKey, TierMask> saving;      // puts to far tiers, under way or queued
  WriteThrough* through = nullptr;          // one of `jobs`
  std::vector<std::unique_ptr<Job>> begun;  // by other jobs; stepped from the next round on
  bool draining = false;
  std::uint64_t inflight_bytes = 0;
  std::int64_t now_us = 0;
  bool dirty = false;  // something changed for another job: go round again

 private:
  std::unordered_map<Operation*, std::uint64_t> numbers_;  // of what is under way
  std::uint64_t submitted_ = 0;
  void settle(Work& work);
  std::int64_t busy_from_us(const Work& work) const;  // since when the tier was busy for this get, and none before it
  void settle_rows(Work& work);
  void set_breaker(std::size_t tier, Breaker::State before);
};

std::unique_ptr<Job> make_lookup_job(CacheState& state, Lookup& op);
// Pins what a lease found in near tiers, if nobody loads it soon.
std::unique_ptr<Job> make_pin_job(CacheState& state, std::weak_ptr<LeaseState> lease);
std::unique_ptr<Job> make_load_job(CacheState& state, Load& op);
std::unique_ptr<Job> make_save_job(CacheState& state, Save& op);

}  // namespace cairn
