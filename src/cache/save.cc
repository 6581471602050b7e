// Save: memory -> near tier, which the slower ones follow in the background; straight from memory to each slower tier
// where there is no near tier or it refused. A block counts as saved only when a tier reported it stored.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "cache/write_through.h"

namespace cairn {
namespace {

class SaveJob final : public Job {
 public:
  SaveJob(CacheState& state, Save& op);
  ~SaveJob() override;

  void returned(Work& work) override;
  Deadline step(std::int64_t now_us) override;
  void cancel(Error error) override;

 private:
  struct Row {
    TierMask follow = 0;  // far tiers that shall get it behind the near one
    TierMask far = 0;     // far tiers that get it straight from memory, not begun
    TierMask writing = 0;
    bool near_open = false;  // to be put into the near tier
    bool stored = false;
  };
  void decide();
  void issue_near();
  void issue_far();
  enum class End : std::uint8_t { kBack, kGivenUp };  // given up: its rows still belong to the tier
  void ended(const Work& work, End end);
  void near_ended(const Work& work, End end);
  void far_ended(const Work& work, End end);
  void mark_saving(const Row& row, std::size_t index, std::size_t tier, bool on);
  Deadline watch_works(std::int64_t now_us);
  bool settled() const;
  void finish();
  KvBlockId id(std::size_t row) const {
    return {op_.chunks[row / state_.shards.size()], state_.shards[row % state_.shards.size()]};
  }
  std::uint64_t bytes(std::size_t row) const { return state_.block_bytes[row % state_.shards.size()]; }

  CacheState& state_;
  Save& op_;
  std::int64_t began_us_;
  std::vector<Row> rows_;
  std::size_t near_ = kNoTier;
  bool decided_ = false, closing_ = false;
  std::int64_t leave_us_ = 0;
  Result<void> result_;
};

SaveJob::SaveJob(CacheState& state, Save& op)
    : Job(&op), state_(state), op_(op), began_us_(state.now_us), rows_(op.chunks.size() * state.shards.size()) {
  CAIRN_CHECK(op.from.size() == rows_.size(), "a save names memory for every wanted shard of a chunk");
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    std::uint64_t sum = 0;
    for (const MemoryRef& piece : op.from[row]) sum += piece.size;
    CAIRN_CHECK(sum == bytes(row), "memory of a save differs from its block");
  }
}

SaveJob::~SaveJob() {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
      if ((rows_[row].writing & tier_bit(t)) != 0) mark_saving(rows_[row], row, t, false);
    }
  }
}

void SaveJob::decide() {
  decided_ = true;
  const PutTargets targets = state_.targets();
  near_ = targets.near;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const TierMask known = state_.index.where(key_of(id(row)), state_.now_us);
    const auto missing = static_cast<TierMask>(targets.far & ~known);
    // What a slower tier keeps is stored, whether or not the near one has room for it.
    rows_[row].stored = (targets.far & known) != 0;
    const bool followed = targets.far != 0 && missing == 0;  // then the near one need not be asked again for a while
    rows_[row].near_open = near_ != kNoTier && !(followed && (known & tier_bit(near_)) != 0);
    (near_ != kNoTier ? rows_[row].follow : rows_[row].far) = missing;
    for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
      if (!state_.allows(t) && !state_.tiers[t].traits.read_only) state_.probe.not_stored(t);
    }
  }
}

void SaveJob::issue_near() {
  for (std::size_t row = 0; row < rows_.size();) {
    if (!rows_[row].near_open) {
      ++row;
      continue;
    }
    auto work = state_.make(Verb::kPut, near_);
    for (; row < rows_.size() && rows_[row].near_open; ++row) {
      if (work->bytes != 0 && work->bytes + bytes(row) > kBatchBytesMax) break;
      if (!state_.room_for(bytes(row), work->bytes)) break;
      work->add(id(row), op_.from[row], static_cast<std::uint32_t>(row));
      rows_[row].near_open = false;
      rows_[row].writing = static_cast<TierMask>(rows_[row].writing | tier_bit(near_));
    }
    if (work->slots.empty()) return;
    state_.submit(std::move(work), this, {state_.now_us + kTransferMaxUs});
  }
}

void SaveJob::issue_far() {
  for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
    std::unique_ptr<Work> work;
    for (std::size_t row = 0; row < rows_.size(); ++row) {
      Row& block = rows_[row];
      if ((block.far & tier_bit(t)) == 0) continue;
      const auto saving = state_.saving.find(key_of(id(row)));
      if (saving != state_.saving.end() && (saving->second & tier_bit(t)) != 0) continue;  // another save writes it
      const bool known = (state_.index.where(key_of(id(row)), state_.now_us) & tier_bit(t)) != 0;
      if (known || !state_.allows(t)) {
        block.far = static_cast<TierMask>(block.far & ~tier_bit(t));
        block.stored = block.stored || known;
        if (!known) state_.probe.not_stored(t);
        continue;
      }
      const std::uint64_t batched = work ? work->bytes : 0;
      if (!state_.room_for(bytes(row), batched) || (work && batched + bytes(row) > kBatchBytesMax)) break;
      if (!work) work = state_.make(Verb::kPut, t);
      work->add(id(row), op_.from[row], static_cast<std::uint32_t>(row));
      block.far = static_cast<TierMask>(block.far & ~tier_bit(t));
      block.writing = static_cast<TierMask>(block.writing | tier_bit(t));
      mark_saving(block, row, t, true);
    }
    if (work) state_.submit(std::move(work), this, {state_.now_us + kTransferMaxUs});
  }
}

void SaveJob::mark_saving(const Row& block, std::size_t index, std::size_t tier, bool on) {
  if (tier == near_ || (block.writing & tier_bit(tier)) == 0) return;
  TierMask& saving = state_.saving[key_of(id(index))];
  saving = static_cast<TierMask>(on ? saving | tier_bit(tier) : saving & ~tier_bit(tier));
  if (saving == 0) state_.saving.erase(key_of(id(index)));
  state_.dirty = true;
}

void SaveJob::near_ended(const Work& work, End end) {
  std::vector<WriteThrough::Item> follow;
  for (std::size_t i = 0; i < work.slots.size(); ++i) {
    const std::size_t row = work.rows[i];
    Row& block = rows_[row];
    block.writing = static_cast<TierMask>(block.writing & ~tier_bit(near_));
    if (end == End::kGivenUp || work.slots[i].outcome != Outcome::kDone) {
      state_.probe.not_stored(near_);
      if (!closing_) block.far = block.follow;
      continue;
    }
    block.stored = true;
    const auto saving = state_.saving.find(key_of(id(row)));
    const TierMask busy = saving == state_.saving.end() ? TierMask{0} : saving->second;
    const auto missing = static_cast<TierMask>(block.follow & ~busy);
    if (missing != 0) follow.push_back({id(row), missing, bytes(row)});
  }
  if (!follow.empty()) state_.through->add(near_, follow);
}

void SaveJob::far_ended(const Work& work, End end) {
  for (std::size_t i = 0; i < work.slots.size(); ++i) {
    Row& block = rows_[work.rows[i]];
    mark_saving(block, work.rows[i], work.tier, false);
    block.writing = static_cast<TierMask>(block.writing & ~tier_bit(work.tier));
    if (end == End::kBack && work.slots[i].outcome == Outcome::kDone)
      block.stored = true;
    else
      state_.probe.not_stored(work.tier);
  }
}

void SaveJob::ended(const Work& work, End end) {
  if (work.tier == near_)
    near_ended(work, end);
  else
    far_ended(work, end);
}

void SaveJob::returned(Work& work) { ended(work, End::kBack); }

bool SaveJob::settled() const {
  return std::all_of(rows_.begin(), rows_.end(),
                     [](const Row& row) { return !row.near_open && row.far == 0 && row.writing == 0; });
}

// A store has no request waiting, but it holds pages: one that does not move is given up.
Deadline SaveJob::watch_works(std::int64_t now_us) {
  Deadline next{began_us_ + kTransferMaxUs};
  for (auto& [number, work] : state_.under_way) {
    if (work->owner != this) continue;
    next.at_us = std::min(next.at_us, now_us + state_.stall_us());
    if (work->cancelled) continue;
    state_.watch(*work);
    const bool stalled = work->progress_us != 0 && now_us >= work->progress_us + state_.put_window_us();
    if (!stalled) continue;
    state_.cancel(*work);
    state_.stalled(work->tier, Breaker::Kind::kData);
    leave_us_ = now_us + state_.stall_us();
  }
  return next;
}

Deadline SaveJob::step(std::int64_t now_us) {
  if (!decided_) decide();
  if (!closing_) {
    issue_near();
    issue_far();
  }
  Deadline next = watch_works(now_us);
  if (works == 0 && (closing_ || settled())) {
    finish();
    return {};
  }
  if (now_us >= began_us_ + kTransferMaxUs && !closing_) cancel({ErrorCode::kTimeout, "a store took too long"});
  if (leave_us_ == 0) return next;
  for (auto& [number, work] : state_.under_way) {
    if (work->owner != this || !work->cancelled) continue;
    if (now_us < leave_us_ || !state_.abandonable(*work)) {
      next.at_us = std::min(next.at_us, std::max(leave_us_, now_us + state_.grace_us()));
      continue;
    }
    ended(*work, End::kGivenUp);
    state_.abandon(*work);
    state_.dirty = true;
  }
  return next;
}

void SaveJob::cancel(Error error) {
  closing_ = true;
  result_ = std::move(error);
  leave_us_ = state_.now_us + state_.grace_us();
  for (auto& [number, work] : state_.under_way) {
    if (work->owner == this) state_.cancel(*work);
  }
}

void SaveJob::finish() {
  op_.chunks_saved = 0;
  for (std::size_t first = 0; first < rows_.size(); first += state_.shards.size()) {
    const auto begin = rows_.begin() + static_cast<std::ptrdiff_t>(first);
    const bool whole = std::all_of(begin, begin + static_cast<std::ptrdiff_t>(state_.shards.size()),
                                   [](const Row& row) { return row.stored; });
    op_.chunks_saved += whole ? 1 : 0;
  }
  finished = true;
  CompletionQueue::complete(op_, std::move(result_));
}

}  // namespace

std::unique_ptr<Job> make_save_job(CacheState& state, Save& op) { return std::make_unique<SaveJob>(state, op); }

}  // namespace cairn
