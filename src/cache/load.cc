// Load: lease -> memory in prefix order. A chunk is tried on each tier that was found to have it, fastest first. The
// load ends at the first chunk that no tier gives, or when I11 says so; leading verified chunks are kept.
#include <algorithm>
#include <limits>

#include "base/check.h"
#include "cache/load_job.h"

namespace cairn {
namespace {

MissReason reason_of(const BlockSlot& slot) {
  switch (slot.outcome) {
    case Outcome::kMiss:
      return slot.reason == MissReason::kNone || slot.reason == MissReason::kAbsent ? MissReason::kVanished
                                                                                    : slot.reason;
    case Outcome::kCorrupt:
      return MissReason::kCorrupt;
    case Outcome::kRefused:
      return slot.reason == MissReason::kNone ? MissReason::kBusy : slot.reason;
    default:
      return slot.reason == MissReason::kNone ? MissReason::kFailed : slot.reason;
  }
}

// A tier gave one of these rows up by itself, and its call may still write to the memory.
bool left_behind(std::span<const BlockSlot> slots) {
  return std::any_of(slots.begin(), slots.end(), [](const BlockSlot& slot) {
    return slot.outcome == Outcome::kFailed &&
           std::any_of(slot.memory.begin(), slot.memory.end(), [](const MemoryRef& piece) {
             return piece.region != nullptr && piece.region->held(piece.offset(), piece.size);
           });
  });
}

}  // namespace

LoadJob::LoadJob(CacheState& state, Load& op)
    : Job(&op),
      state_(state),
      op_(op),
      lease_(op.lease.state()),
      began_us_(state.now_us),
      chunks_(op.into.size() / state.shards.size()),
      end_(chunks_.size()) {
  CAIRN_CHECK(op.into.size() % state.shards.size() == 0, "a load names memory for every wanted shard of a chunk");
  CAIRN_CHECK(op.first_chunk + chunks_.size() <= op.lease.chunks(), "a load beyond its lease");
  for (std::size_t i = 0; i < op.into.size(); ++i) {
    std::uint64_t bytes = 0;
    for (const MemoryRef& piece : op.into[i]) bytes += piece.size;
    CAIRN_CHECK(bytes == state.block_bytes[i % state.shards.size()], "memory of a load differs from its block");
  }
  if (lease_ != nullptr) lease_->loading = true;
  for (std::size_t c = 0; c < chunks_.size(); ++c) chunks_[c].left = lease_->where[op.first_chunk + c];
}

LoadJob::~LoadJob() { leave_claims(); }

std::size_t LoadJob::filled() const {
  std::size_t c = 0;
  while (c < end_ && chunks_[c].phase == Phase::kFilled) ++c;
  return c;
}

Deadline LoadJob::step(std::int64_t now_us) {
  if (chunks_.empty()) {
    finish();
    return {};
  }
  issue();
  const Deadline look = watch_works();
  give_up_promotions();
  if (!closing_) {
    check_stalls();
    check_slower();
    if (now_us >= began_us_ + kTransferMaxUs) close(MissReason::kTimeout);
    issue();
  }
  if (!closing_ && filled() < end_) return look;
  if (works != 0) {  // cancelled, or not wanted any more: it comes back soon, or is left
    if (leave_us_ == 0) leave_us_ = now_us + state_.grace_us();
    for (const auto& [number, work] : state_.under_way) {
      if (work->owner == this && !state_.abandonable(*work)) return {now_us + state_.stall_us()};
    }
    if (now_us < leave_us_) return {leave_us_};
  }
  leave();
  return {};
}

void LoadJob::close(MissReason reason) {
  if (closing_) return;
  closing_ = true;
  if (end_reason_ == MissReason::kNone || filled() < end_) end_reason_ = reason;
  const bool slow = reason == MissReason::kStalled || reason == MissReason::kSlower || reason == MissReason::kTimeout;
  if (slow) state_.give_up(*this);
  for (auto& [number, work] : state_.under_way) {
    if (work->owner == this && work->batch.verb == Verb::kGet) state_.cancel(*work);
  }
}

void LoadJob::leave() {
  state_.abandon_all(*this);
  if (closing_) end_ = std::min(end_, filled());
  finish();
}

// The near tier is memory: a copy that takes so long is not worth a request's time.
void LoadJob::give_up_promotions() {
  for (auto& [number, work] : state_.under_way) {
    if (work->owner != this || work->batch.verb != Verb::kPut || !state_.abandonable(*work)) continue;
    if (state_.now_us < work->submitted_us + state_.stall_us()) continue;
    promotion_ended(*work, End::kGivenUp);
    state_.stalled(work->tier, Breaker::Kind::kData);
    state_.abandon(*work);
  }
}

// Looks at every batch out; comes again often enough to see the last moment of progress.
Deadline LoadJob::watch_works() {
  Deadline next{began_us_ + kTransferMaxUs};
  for (auto& [number, work] : state_.under_way) {
    if (work->owner != this || work->batch.verb != Verb::kGet) continue;
    state_.watch(*work);
    std::int64_t& start_us = first_start_us_[work->tier];
    if (start_us == 0) start_us = work->batch.started_us.load(std::memory_order_relaxed);
    next.at_us = std::min(next.at_us, state_.now_us + std::max<std::int64_t>(state_.stall_us() / 8, 1));
  }
  return next;
}

void LoadJob::issue() {
  if (closing_) return;
  for (std::size_t c = 0; c < end_ && reads_ < kLoadBatchesMax; ++c) {
    Chunk& chunk = chunks_[c];
    if (chunk.phase != Phase::kOpen) continue;
    while (chunk.left != 0 && !state_.allows(fastest(chunk.left))) {
      chunk.left = static_cast<TierMask>(chunk.left & ~tier_bit(fastest(chunk.left)));
      chunk.reason = MissReason::kBreakerOpen;
    }
    if (chunk.left == 0) return end_at(c, chunk.reason);
    if (!claim(c)) continue;
    if (!issue_run(c)) return;
  }
}

// One batch: this chunk and those behind it that come from the same tier. False: no room for more bytes under way.
bool LoadJob::issue_run(std::size_t first) {
  const std::size_t tier = fastest(chunks_[first].left);
  if (!state_.room_for(state_.chunk_bytes())) {
    settle_claim(first, kNoTier, false);
    return false;
  }
  auto work = state_.make(Verb::kGet, tier);
  for (std::size_t c = first; c < end_; ++c) {
    Chunk& chunk = chunks_[c];
    const bool fits = c == first || (work->bytes + state_.chunk_bytes() <= kBatchBytesMax &&
                                     state_.room_for(state_.chunk_bytes(), work->bytes));
    if (chunk.phase != Phase::kOpen || fastest(chunk.left) != tier || !fits) break;
    if (c != first && !claim(c)) break;
    chunk.phase = Phase::kReading;
    chunk.tier = static_cast<std::uint8_t>(tier);
    for (std::size_t s = 0; s < state_.shards.size(); ++s) {
      work->add({id(c), state_.shards[s]}, memory(c)[s], static_cast<std::uint32_t>(c));
    }
  }
  ++reads_;
  state_.submit(std::move(work), this, {began_us_ + kTransferMaxUs});
  return true;
}

void LoadJob::returned(Work& work) {
  if (work.batch.verb == Verb::kPut) return promotion_ended(work, End::kBack);
  --reads_;
  read_returned(work);
}

void LoadJob::read_returned(Work& work) {
  const std::size_t shards = state_.shards.size();
  bool any = false;
  for (std::size_t first = 0; first < work.slots.size(); first += shards) {
    const std::size_t c = work.rows[first];
    Chunk& chunk = chunks_[c];
    const auto bad = std::find_if(work.slots.begin() + static_cast<std::ptrdiff_t>(first),
                                  work.slots.begin() + static_cast<std::ptrdiff_t>(first + shards),
                                  [](const BlockSlot& slot) { return slot.outcome != Outcome::kDone; });
    if (bad == work.slots.begin() + static_cast<std::ptrdiff_t>(first + shards)) {
      chunk.phase = Phase::kPromoting;
      read_bytes_[work.tier] += state_.chunk_bytes();
      any = true;
      continue;
    }
    chunk.reason = reason_of(*bad);
    chunk.left = static_cast<TierMask>(chunk.left & ~tier_bit(work.tier));
    chunk.phase = Phase::kOpen;
    settle_claim(c, kNoTier, false);
    // Another tier's bytes would be verified, and overwritten later: nothing more is read into this chunk.
    if (left_behind(std::span(work.slots).subspan(first, shards))) chunk.left = 0;
    if (chunk.left == 0 && !closing_) end_at(c, chunk.reason);
  }
  if (any) promote(work);
}

void LoadJob::end_at(std::size_t chunk, MissReason reason) {
  if (chunk >= end_) return;
  end_ = chunk;
  end_reason_ = reason;
  for (auto& [number, work] : state_.under_way) {
    if (work->owner != this || work->batch.verb != Verb::kGet) continue;
    const bool wanted =
        std::any_of(work->rows.begin(), work->rows.end(), [&](std::uint32_t row) { return row < end_; });
    if (!wanted) state_.cancel(*work);
  }
}

// I11, first half: no verified segment for too long since the request left our own queue. Any batch of this load on
// the same tier counts as progress. Waiting behind other transfers is no stall while those move.
void LoadJob::check_stalls() {
  constexpr auto kNone = std::numeric_limits<std::int64_t>::max();
  for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
    std::int64_t progress_us = 0, waiting_us = kNone;
    for (const auto& [number, work] : state_.under_way) {
      if (work->owner != this || work->tier != t || work->batch.verb != Verb::kGet || work->cancelled) continue;
      if (work->progress_us == 0) waiting_us = std::min(waiting_us, work->submitted_us);
      progress_us = std::max(progress_us, work->progress_us);
    }
    if (progress_us == 0 && waiting_us == kNone) continue;
    const std::int64_t since_us = progress_us != 0 ? progress_us : std::max(waiting_us, state_.sign_of_life_us(t));
    if (state_.now_us < since_us + state_.stall_window_us(t)) continue;
    if (progress_us != 0) state_.stalled(t, Breaker::Kind::kData);  // else those in front of us count for the breaker
    close(MissReason::kStalled);
  }
}

// I11, second half: the remainder is predicted slower than computing it.
void LoadJob::check_slower() {
  if (lease_->policy != LoadPolicy::kAuto || op_.prefill_tokens_per_s <= 0) return;
  const std::size_t first = filled();
  if (first >= end_) return;
  const double tokens = static_cast<double>(id(first).tokens) * static_cast<double>(end_ - first);
  const double compute_us = tokens / op_.prefill_tokens_per_s * 1e6;
  if (remaining_us(first) > compute_us) close(MissReason::kSlower);
}

double LoadJob::remaining_us(std::size_t first) const {
  std::array<std::uint64_t, ChunkTally::kTiersMax> left{}, moved = read_bytes_;
  for (std::size_t c = first; c < end_; ++c) {
    const Chunk& chunk = chunks_[c];
    if (chunk.left != 0 && (chunk.phase == Phase::kOpen || chunk.phase == Phase::kReading))
      left[fastest(chunk.left)] += state_.chunk_bytes();
  }
  for (const auto& [number, work] : state_.under_way) {
    if (work->owner != this || work->batch.verb != Verb::kGet) continue;
    const std::uint64_t verified = std::min(work->segments_seen * state_.segment_bytes, work->bytes);
    left[work->tier] -= std::min(verified, left[work->tier]);
    moved[work->tier] += verified;
  }
  double slowest_us = 0;
  for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
    if (left[t] == 0) continue;
    double bytes_per_s = state_.tiers[t].rate.expected(state_.now_us).bytes_per_s;
    const std::int64_t since_us = first_start_us_[t] == 0 ? 0 : state_.now_us - first_start_us_[t];
    // What this load itself saw weighs more than the past, once there is enough of it.
    if (since_us >= state_.stall_us() / 2) {
      const double seen = static_cast<double>(moved[t]) / static_cast<double>(since_us) * 1e6;
      bytes_per_s = bytes_per_s == 0 ? seen : std::min(bytes_per_s, seen);
      if (moved[t] == 0) continue;  // nothing yet: that is a question of stalling
    }
    if (bytes_per_s > 0) slowest_us = std::max(slowest_us, static_cast<double>(left[t]) / bytes_per_s * 1e6);
  }
  return slowest_us;
}

void LoadJob::cancel(Error error) {
  close(MissReason::kFailed);
  result_ = std::move(error);
}

void LoadJob::finish() {
  const std::size_t loaded = filled();
  op_.chunks_loaded = loaded;
  op_.tally = {};
  std::array<std::uint32_t, ChunkTally::kTiersMax> by_tier{};
  for (std::size_t c = 0; c < loaded; ++c) {
    ++by_tier[chunks_[c].tier];
    lease_->served[op_.first_chunk + c] = chunks_[c].tier;
  }
  for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
    op_.tally.tier[t] = by_tier[t];
    if (by_tier[t] != 0) state_.probe.loaded(t, by_tier[t], by_tier[t] * state_.chunk_bytes());
  }
  if (loaded < chunks_.size()) {
    const MissReason reason = end_reason_ == MissReason::kNone ? MissReason::kFailed : end_reason_;
    op_.tally.missed[static_cast<std::size_t>(reason)] = static_cast<std::uint32_t>(chunks_.size() - loaded);
  }
  state_.probe.missed(op_.tally);
  leave_claims();
  finished = true;
  CompletionQueue::complete(op_, std::move(result_));
}

std::unique_ptr<Job> make_load_job(CacheState& state, Load& op) { return std::make_unique<LoadJob>(state, op); }

}  // namespace cairn
