// Pins: while a lease lives, what it found in near tiers is not evicted. Lending verifies a block, so the common case,
// a load right behind its lookup, goes without: what was just asked for is evicted last anyway.
#include <utility>

#include "cache/admission.h"
#include "cache/state.h"

namespace cairn {
namespace {

class PinJob final : public Job {
 public:
  PinJob(CacheState& state, std::weak_ptr<LeaseState> lease)
      : Job(nullptr), state_(state), lease_(std::move(lease)), due_us_(state.now_us + kPinAfterUs) {}

  Deadline step(std::int64_t now_us) override {
    if (works != 0) return {};
    if (!asked_ && !state_.draining && !lease_.expired()) {
      if (now_us < due_us_) return {due_us_};
      ask();
    }
    finished = works == 0;
    return {};
  }

  void returned(Work& work) override {
    std::vector<LentBlock> lent;
    for (const BlockSlot& slot : work.slots) {
      if (slot.outcome == Outcome::kDone) lent.push_back({slot.id, slot.lent, static_cast<std::uint8_t>(work.tier)});
    }
    if (const std::shared_ptr<LeaseState> lease = lease_.lock()) {
      lease->lent.insert(lease->lent.end(), lent.begin(), lent.end());
    } else {
      state_.give_back(std::move(lent));
    }
  }

  void cancel(Error) override {}  // what it asked for comes back soon, and goes back

 private:
  void ask() {
    asked_ = true;
    const std::shared_ptr<LeaseState> lease = lease_.lock();
    if (lease == nullptr || lease->loading) return;
    for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
      const TierState& tier = state_.tiers[t];
      if (!tier.near || !state_.allows(t)) continue;
      auto work = state_.make(Verb::kLend, t);
      for (std::size_t c = 0; c < lease->chunks.size(); ++c) {
        const std::uint64_t bytes =
            (work->slots.size() + state_.shards.size()) / state_.shards.size() * state_.chunk_bytes();
        if (fastest(lease->where[c]) != t) continue;
        if (!admits_pins(tier.pinned_bytes, bytes, tier.tier->usage().capacity_bytes)) break;
        for (const std::uint32_t shard : state_.shards) work->add({lease->chunks[c], shard}, {}, 0);
      }
      if (!work->slots.empty()) state_.submit(std::move(work), this, Deadline::never());
    }
  }

  CacheState& state_;
  const std::weak_ptr<LeaseState> lease_;
  const std::int64_t due_us_;
  bool asked_ = false;
};

}  // namespace

std::unique_ptr<Job> make_pin_job(CacheState& state, std::weak_ptr<LeaseState> lease) {
  return std::make_unique<PinJob>(state, std::move(lease));
}

}  // namespace cairn
