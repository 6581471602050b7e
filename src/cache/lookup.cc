// Lookup: tiers in this process's memory are asked exactly, then every slower tier searches
// its prefix length at the same time, until all answered or the deadline passed; then what is known is planned.
#include <algorithm>
#include <array>
#include <vector>

#include "cache/prefix_search.h"
#include "cache/state.h"

namespace cairn {
namespace {

class LookupJob final : public Job {
 public:
  LookupJob(CacheState& state, Lookup& op)
      : Job(&op),
        state_(state),
        op_(op),
        began_us_(state.now_us),
        policy_(op.policy == LoadPolicy::kAuto ? state.config.load_policy : op.policy),
        where_(op.chunks.size(), 0) {}

  void returned(Work& work) override;
  Deadline step(std::int64_t now_us) override;
  void cancel(Error error) override;

 private:
  enum class Phase : std::uint8_t { kStart, kNear, kFar };
  struct FarSearch {
    std::size_t tier = 0;
    PrefixSearch search;
    std::vector<std::size_t> asked;
    bool waiting = false;
    bool failed = false;  // gave no answer that can be used; what it found before counts
  };

  void ask_near();
  void begin_far();
  void ask_far(FarSearch& far);
  void near_returned(Work& work);
  void far_returned(FarSearch& far, const Work& work);
  bool complete() const;
  void time_out();
  void finish();
  std::size_t found_chunks();
  std::size_t plan(std::size_t found);
  void lease(std::size_t chunks);
  MissReason reason() const;
  std::size_t shards() const { return state_.shards.size(); }

  CacheState& state_;
  Lookup& op_;
  std::int64_t began_us_;
  const LoadPolicy policy_;  // the request's, else the configured one
  Phase phase_ = Phase::kStart;
  std::vector<TierMask> where_;       // by chunk
  std::vector<std::size_t> unknown_;  // chunks that no near tier has
  std::vector<FarSearch> far_;
  bool skipped_ = false, failed_ = false, timed_out_ = false;
};

Deadline LookupJob::step(std::int64_t now_us) {
  // A little before the stall time, so that lookup and load together stay within twice that.
  const Deadline deadline{began_us_ + state_.stall_us() - state_.grace_us()};
  if (phase_ == Phase::kStart) {
    if (policy_ == LoadPolicy::kNever || state_.tiers.empty() || op_.chunks.empty()) {
      finish();
      return {};
    }
    ask_near();
  }
  if (phase_ == Phase::kNear && works == 0) begin_far();
  if (phase_ == Phase::kFar) {
    for (FarSearch& far : far_) {
      if (!far.waiting && !far.failed && !far.search.done()) ask_far(far);
    }
    if (complete()) {
      finish();
      return {};
    }
  }
  if (now_us >= deadline.at_us) {
    time_out();
    finish();
    return {};
  }
  return deadline;
}

void LookupJob::ask_near() {
  phase_ = Phase::kNear;
  for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
    if (!state_.tiers[t].near) continue;
    if (!state_.allows(t)) {
      skipped_ = true;
      continue;
    }
    auto work = state_.make(Verb::kContains, t);
    for (std::size_t c = 0; c < op_.chunks.size(); ++c) {
      for (const std::uint32_t shard : state_.shards)
        work->add({op_.chunks[c], shard}, {}, static_cast<std::uint32_t>(c));
    }
    state_.submit(std::move(work), this, {began_us_ + state_.stall_us()});
  }
}

void LookupJob::near_returned(Work& work) {
  for (std::size_t first = 0; first < work.slots.size(); first += shards()) {
    bool whole = true;
    for (std::size_t s = 0; s < shards(); ++s) {
      const BlockSlot& slot = work.slots[first + s];
      whole = whole && slot.outcome == Outcome::kDone;
      failed_ = failed_ || slot.outcome == Outcome::kFailed;
    }
    if (whole) where_[work.rows[first]] = static_cast<TierMask>(where_[work.rows[first]] | tier_bit(work.tier));
  }
}

void LookupJob::begin_far() {
  phase_ = Phase::kFar;
  for (std::size_t c = 0; c < where_.size(); ++c) {
    if (where_[c] == 0) unknown_.push_back(c);
  }
  if (unknown_.empty()) return;
  for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
    if (state_.tiers[t].near) continue;
    if (!state_.allows(t)) {
      skipped_ = true;
      continue;
    }
    std::size_t known = 0;
    const auto is_known = [&](std::size_t c) {
      return std::all_of(state_.shards.begin(), state_.shards.end(), [&](std::uint32_t shard) {
        return (state_.index.where({op_.chunks[c].key, shard}, state_.now_us) & tier_bit(t)) != 0;
      });
    };
    while (known < unknown_.size() && is_known(unknown_[known])) ++known;
    FarSearch far;
    far.tier = t;
    far.search = PrefixSearch(known, unknown_.size());
    far_.push_back(std::move(far));
  }
}

void LookupJob::ask_far(FarSearch& far) {
  far.asked = far.search.probes();
  far.waiting = true;
  auto work = state_.make(Verb::kContains, far.tier);
  for (std::size_t i = 0; i < far.asked.size(); ++i) {
    for (const std::uint32_t shard : state_.shards) {
      work->add({op_.chunks[unknown_[far.asked[i]]], shard}, {}, static_cast<std::uint32_t>(i));
    }
  }
  state_.submit(std::move(work), this, {began_us_ + state_.stall_us()});
}

void LookupJob::far_returned(FarSearch& far, const Work& work) {
  far.waiting = false;
  std::array<bool, PrefixSearch::kProbesMax> present{};
  for (std::size_t i = 0; i < far.asked.size(); ++i) present[i] = true;
  for (std::size_t row = 0; row < work.slots.size(); ++row) {
    if (work.slots[row].outcome == Outcome::kDone) continue;
    present[work.rows[row]] = false;
    if (work.slots[row].outcome == Outcome::kFailed) far.failed = true;
  }
  failed_ = failed_ || far.failed;
  far.search.answer(far.asked, std::span<const bool>(present.data(), far.asked.size()));
}

void LookupJob::returned(Work& work) {
  if (state_.tiers[work.tier].near) return near_returned(work);
  for (FarSearch& far : far_) {
    if (far.tier == work.tier) return far_returned(far, work);
  }
}

// Early, too, when a tier that is done covers all that the others could add.
bool LookupJob::complete() const {
  if (works == 0) {
    return std::all_of(far_.begin(), far_.end(), [](const FarSearch& far) { return far.failed || far.search.done(); });
  }
  return std::any_of(far_.begin(), far_.end(),
                     [&](const FarSearch& far) { return far.search.done() && far.search.length() == unknown_.size(); });
}

void LookupJob::time_out() {
  timed_out_ = true;
  for (auto& [number, work] : state_.under_way) {
    if (work->owner != this) continue;
    // A question that waits behind our own transfers says nothing about the tier, unless all of it is silent.
    const bool started = work->batch.started_us.load(std::memory_order_relaxed) != 0;
    const bool silent = state_.now_us - state_.tiers[work->tier].answered_us >= state_.stall_us() - state_.grace_us();
    if (started || silent) state_.stalled(work->tier, Breaker::Kind::kProbe);
  }
}

std::size_t LookupJob::found_chunks() {
  for (const FarSearch& far : far_) {
    for (std::size_t i = 0; i < far.search.length(); ++i) {
      TierMask& where = where_[unknown_[i]];
      where = static_cast<TierMask>(where | tier_bit(far.tier));
    }
  }
  const auto end = std::find(where_.begin(), where_.end(), TierMask{0});
  return static_cast<std::size_t>(end - where_.begin());
}

// How many of the found chunks to load; leaves in the operation why.
std::size_t LookupJob::plan(std::size_t found) {
  if (found == 0) return 0;
  std::vector<std::uint8_t> tier(found);
  for (std::size_t c = 0; c < found; ++c) tier[c] = static_cast<std::uint8_t>(fastest(where_[c]));
  std::vector<TierRate> rates;
  std::vector<std::uint64_t> queued;
  for (const TierState& t : state_.tiers) {
    rates.push_back(t.rate.expected(state_.now_us));
    queued.push_back(t.reading_bytes);
  }
  const LoadPlanInput input{tier,
                            rates,
                            queued,
                            state_.chunk_bytes(),
                            static_cast<double>(op_.chunks.front().tokens),
                            op_.prefill_tokens_per_s};
  const std::size_t planned = policy_ == LoadPolicy::kAlways ? found : plan_load(input);
  const std::size_t judged = planned > 0 ? planned : found;
  const std::uint64_t chunk_tokens = op_.chunks.front().tokens;
  op_.forecast.found_tokens = found * chunk_tokens;
  op_.forecast.planned_tokens = planned * chunk_tokens;
  op_.forecast.load_s = load_time_us(input, judged) * 1e-6;
  if (input.prefill_tokens_per_s > 0) {
    op_.forecast.compute_s = static_cast<double>(judged * chunk_tokens) / input.prefill_tokens_per_s;
  }
  return planned;
}

void LookupJob::lease(std::size_t chunks) {
  if (chunks == 0) return;
  auto lease = std::make_shared<LeaseState>(state_.returns);
  lease->chunks.assign(op_.chunks.begin(), op_.chunks.begin() + static_cast<std::ptrdiff_t>(chunks));
  lease->where.assign(where_.begin(), where_.begin() + static_cast<std::ptrdiff_t>(chunks));
  lease->served.assign(chunks, static_cast<std::uint8_t>(kNoTier));
  lease->policy = policy_;
  bool near = false;
  for (std::size_t c = 0; c < chunks; ++c) {
    ++op_.tally.tier[fastest(where_[c])];
    near = near || state_.tiers[fastest(where_[c])].near;
  }
  if (near) state_.begun.push_back(make_pin_job(state_, lease));
  op_.found = PrefixLease(std::move(lease));
}

MissReason LookupJob::reason() const {
  if (policy_ == LoadPolicy::kNever || state_.tiers.empty()) return MissReason::kDisabled;
  if (timed_out_) return MissReason::kTimeout;
  if (skipped_) return MissReason::kBreakerOpen;
  return failed_ ? MissReason::kFailed : MissReason::kAbsent;
}

void LookupJob::finish() {
  state_.abandon_all(*this);
  op_.tally = {};
  op_.forecast = {};
  const std::size_t found = found_chunks();
  const std::size_t planned = plan(found);
  lease(planned);
  op_.tally.missed[static_cast<std::size_t>(MissReason::kSlower)] += static_cast<std::uint32_t>(found - planned);
  op_.tally.missed[static_cast<std::size_t>(reason())] += static_cast<std::uint32_t>(where_.size() - found);
  state_.probe.missed(op_.tally);
  state_.probe.looked_up(state_.now_us - began_us_);
  finished = true;
  CompletionQueue::complete(op_, {});
}

void LookupJob::cancel(Error error) {
  state_.abandon_all(*this);
  op_.tally = {};
  finished = true;
  CompletionQueue::complete(op_, std::move(error));
}

}  // namespace

std::unique_ptr<Job> make_lookup_job(CacheState& state, Lookup& op) { return std::make_unique<LookupJob>(state, op); }

}  // namespace cairn
