#include "cache/tiered_cache.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/check.h"
#include "cache/state.h"
#include "cache/write_through.h"

namespace cairn {
namespace {

constexpr int kRoundsMax = 64;        // of one advance(); what is left is done in the next
constexpr int kDrainRoundsMax = 500;  // of waiting for batches that were cancelled
constexpr std::int64_t kDrainWaitUs = 1000;

enum class Request : std::uint8_t { kLookup, kLoad, kSave, kCancel, kStop };
struct Command {
  Request request;
  Operation* op;
};

void reject(const Command& command, Result<void> result) {
  constexpr auto kBusy = static_cast<std::size_t>(MissReason::kBusy);
  if (command.request == Request::kLookup) {
    auto& op = static_cast<Lookup&>(*command.op);
    op.tally = {};
    op.tally.missed[kBusy] = static_cast<std::uint32_t>(op.chunks.size());
  } else if (command.request == Request::kLoad) {
    auto& op = static_cast<Load&>(*command.op);
    op.chunks_loaded = 0;
    op.tally = {};
    op.tally.missed[kBusy] =
        static_cast<std::uint32_t>(op.lease.chunks() - std::min(op.lease.chunks(), op.first_chunk));
  } else {
    static_cast<Save&>(*command.op).chunks_saved = 0;
  }
  CompletionQueue::complete(*command.op, std::move(result));
}

class OpenCache final : public TieredCache {
 public:
  OpenCache(const CacheConfig& config, std::vector<std::unique_ptr<Tier>> tiers, std::vector<std::uint32_t> shards,
            std::vector<std::uint64_t> block_bytes, const CacheDeps& deps)
      : state_(config, std::move(tiers), std::move(shards), std::move(block_bytes), deps) {
    auto through = std::make_unique<WriteThrough>(state_);
    state_.through = through.get();
    state_.jobs.emplace(0, std::move(through));
  }
  ~OpenCache() override;

  void lookup(Lookup& op) override { take_in({Request::kLookup, &op}); }
  void load(Load& op) override { take_in({Request::kLoad, &op}); }
  void save(Save& op) override { take_in({Request::kSave, &op}); }
  void cancel(Operation& op) override;
  Deadline advance() override;
  void wait_us(std::int64_t timeout_us) override;
  bool drain(Deadline deadline) override;
  std::span<const std::unique_ptr<Tier>> tiers() const override { return state_.owned; }
  std::int64_t now_us() const override { return state_.deps.clock.now_us(); }

 private:
  void take_in(const Command& command);
  bool take_out();  // what callers asked for since the last round
  void execute(const Command& command);
  bool collect();
  Deadline step_jobs();
  void note_rest();

  CacheState state_;
  std::atomic<bool> advancing_{false}, idle_{true};
  Mutex intake_mutex_;
  std::vector<Command> intake_ CAIRN_GUARDED_BY(intake_mutex_);
  std::vector<Operation*> early_ CAIRN_GUARDED_BY(intake_mutex_);  // came back while wait_us() waited
  bool stopped_ CAIRN_GUARDED_BY(intake_mutex_) = false;
  std::uint64_t arrivals_ = 0;
};

OpenCache::~OpenCache() {
  for (int round = 0; round < kDrainRoundsMax; ++round) {  // leases that ended after drain()
    advance();
    if (idle_.load()) break;
    wait_us(kDrainWaitUs);
  }
  CAIRN_CHECK(state_.jobs.size() == 1, "the cache was destroyed with operations under way");
}

void OpenCache::take_in(const Command& command) {
  command.op->begin();
  {
    MutexLock lock(intake_mutex_);
    if (!stopped_) {
      intake_.push_back(command);
      idle_.store(false);
      state_.done.wake();
      return;
    }
  }
  reject(command, Error{ErrorCode::kUnavailable, "the cache is draining"});
}

void OpenCache::cancel(Operation& op) {
  MutexLock lock(intake_mutex_);
  intake_.push_back({Request::kCancel, &op});
  state_.done.wake();
}

bool OpenCache::take_out() {
  std::vector<Command> commands;
  {
    MutexLock lock(intake_mutex_);
    commands.swap(intake_);
    state_.draining = stopped_;
  }
  for (const Command& command : commands) execute(command);
  std::vector<LentBlock> returned = state_.returns->take();
  const bool any = !commands.empty() || !returned.empty();
  state_.give_back(std::move(returned));
  return any;
}

void OpenCache::execute(const Command& command) {
  switch (command.request) {
    case Request::kStop:
      for (auto& [number, job] : state_.jobs) job->cancel({ErrorCode::kCancelled, "the cache stops"});
      for (auto& [number, work] : state_.under_way) {
        if (work->owner == nullptr) state_.cancel(*work);
      }
      return;
    case Request::kCancel:
      for (auto& [number, job] : state_.jobs) {
        if (job->operation == command.op && !job->finished)
          job->cancel({ErrorCode::kCancelled, "cancelled by the caller"});
      }
      return;
    default:
      break;
  }
  if (state_.jobs.size() > kJobsMax) return reject(command, {});
  std::unique_ptr<Job> job;
  if (command.request == Request::kLookup) job = make_lookup_job(state_, static_cast<Lookup&>(*command.op));
  if (command.request == Request::kLoad) job = make_load_job(state_, static_cast<Load&>(*command.op));
  if (command.request == Request::kSave) job = make_save_job(state_, static_cast<Save&>(*command.op));
  state_.jobs.emplace(++arrivals_, std::move(job));
}

bool OpenCache::collect() {
  std::vector<Operation*> back;
  {
    MutexLock lock(intake_mutex_);
    back.swap(early_);
  }
  while (Operation* op = state_.done.poll()) back.push_back(op);
  for (Operation* op : back) state_.collect(*op);
  return !back.empty();
}

Deadline OpenCache::step_jobs() {
  Deadline next;
  for (auto at = state_.jobs.begin(); at != state_.jobs.end();) {
    Job& job = *at->second;
    if (!job.finished) next.at_us = std::min(next.at_us, job.step(state_.now_us).at_us);
    if (job.finished) {
      at = state_.jobs.erase(at);
      state_.dirty = true;
    } else {
      ++at;
    }
  }
  for (std::unique_ptr<Job>& job : state_.begun) {
    state_.jobs.emplace(++arrivals_, std::move(job));
    state_.dirty = true;
  }
  state_.begun.clear();
  return next;
}

Deadline OpenCache::advance() {
  if (advancing_.exchange(true)) return {state_.deps.clock.now_us() + kDrainWaitUs};
  Deadline next;
  for (int round = 0; round < kRoundsMax; ++round) {
    state_.now_us = state_.deps.clock.now_us();
    state_.dirty = false;
    bool moved = take_out();
    moved = collect() || moved;
    next = step_jobs();
    next.at_us = std::min(next.at_us, state_.probe_breakers().at_us);
    if (!moved && !state_.dirty) break;
    if (round + 1 == kRoundsMax) next.at_us = state_.now_us;
  }
  note_rest();
  advancing_.store(false);
  return next;
}

// Under the lock of take_in(), which would else say "busy" between the look and the note.
void OpenCache::note_rest() {
  MutexLock lock(intake_mutex_);
  idle_.store(intake_.empty() && early_.empty() && state_.jobs.size() == 1 && state_.through->empty() &&
              state_.under_way.empty());
}

void OpenCache::wait_us(std::int64_t timeout_us) {
  {
    MutexLock lock(intake_mutex_);
    if (!intake_.empty() || !early_.empty()) return;
  }
  Operation* op = state_.done.wait_us(timeout_us);
  if (op == nullptr) return;
  MutexLock lock(intake_mutex_);
  early_.push_back(op);
}

bool OpenCache::drain(Deadline deadline) {
  {
    MutexLock lock(intake_mutex_);
    stopped_ = true;
  }
  advance();
  while (!idle_.load() && !state_.deps.clock.passed(deadline)) {
    wait_us(kDrainWaitUs);
    advance();
  }
  if (!idle_.load()) {
    MutexLock lock(intake_mutex_);
    intake_.push_back({Request::kStop, nullptr});
  }
  const bool in_time = idle_.load();
  for (int round = 0; round < kDrainRoundsMax && !idle_.load(); ++round) {
    advance();
    if (!idle_.load()) wait_us(kDrainWaitUs);
  }
  const bool held = std::any_of(state_.tiers.begin(), state_.tiers.end(),
                                [](const TierState& tier) { return tier.tier->usage().held_bytes != 0; });
  return idle_.load() && in_time && !held;
}

}  // namespace

Result<std::unique_ptr<TieredCache>> TieredCache::open(const CacheConfig& config,
                                                       std::vector<std::unique_ptr<Tier>> fastest_first,
                                                       std::vector<std::uint32_t> shards,
                                                       std::vector<std::uint64_t> block_bytes, const CacheDeps& deps) {
  CAIRN_TRY_VOID(config.validate());
  if (fastest_first.size() > ChunkTally::kTiersMax) return invalid("more than 8 tiers");
  if (shards.empty() || shards.size() != block_bytes.size())
    return invalid("one block size for each of at least one shard");
  if (std::find(block_bytes.begin(), block_bytes.end(), 0u) != block_bytes.end()) return invalid("a block of no bytes");
  return std::unique_ptr<TieredCache>(
      std::make_unique<OpenCache>(config, std::move(fastest_first), std::move(shards), std::move(block_bytes), deps));
}

struct CacheThread::State {
  std::atomic<bool> stop{false};
  std::thread thread;
};

CacheThread::CacheThread(TieredCache& cache) : state_(std::make_unique<State>()) {
  state_->thread = std::thread([&cache, state = state_.get()] {
    constexpr std::int64_t kWaitMaxUs = 50'000;  // so that stopping needs no wake-up
    while (!state->stop.load()) {
      const Deadline next = cache.advance();
      const std::int64_t wait_us = std::min(next.at_us - std::min(next.at_us, cache.now_us()), kWaitMaxUs);
      if (wait_us > 0) cache.wait_us(wait_us);
    }
  });
}

CacheThread::~CacheThread() {
  state_->stop.store(true);
  state_->thread.join();
}

}  // namespace cairn
