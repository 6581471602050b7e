#include "tier/faulty.h"

namespace cairn {

FaultyTier::FaultyTier(std::unique_ptr<Tier> inner, const FaultyConfig& config, const Clock& clock)
    : Wrapper(std::move(inner), clock), config_(config), random_(config.seed) {
  open();
}

void FaultyTier::force(Fault fault, std::uint32_t rows) {
  MutexLock lock(force_mutex_);
  forced_ = fault;
  forced_rows_ = rows;
}

Fault FaultyTier::draw(Verb verb) {
  {
    MutexLock lock(force_mutex_);
    if (forced_rows_ > 0) {
      --forced_rows_;
      return forced_;
    }
  }
  const bool get = verb == Verb::kGet;
  const std::array<std::pair<Fault, double>, 7> odds = {{{Fault::kMiss, get ? config_.miss : 0},
                                                         {Fault::kVanish, get ? config_.vanish : 0},
                                                         {Fault::kCorrupt, get ? config_.corrupt : 0},
                                                         {Fault::kFail, config_.fail},
                                                         {Fault::kDelay, config_.delay},
                                                         {Fault::kHang, config_.hang},
                                                         {Fault::kRefuse, get ? 0 : config_.refuse}}};
  double drawn = random_.uniform();
  for (const auto& [fault, probability] : odds) {
    if (drawn < probability) return fault;
    drawn -= probability;
  }
  return Fault::kNone;
}

void FaultyTier::on_row(RowJob& job) {
  const Fault fault = draw(job.inner.verb);
  job.inner.stands_for = job.outer->batch;
  job.stage = static_cast<std::uint64_t>(fault);
  switch (fault) {
    case Fault::kMiss:
      finish_row(job, Outcome::kMiss, MissReason::kAbsent);
      return;
    case Fault::kFail:
      note_error(*job.outer, unavailable("a fault was asked for"));
      finish_row(job, Outcome::kFailed, MissReason::kFailed);
      return;
    case Fault::kRefuse:
      finish_row(job, Outcome::kRefused, MissReason::kBusy);
      return;
    case Fault::kHang:
      return;  // deadline, cancel or close end it
    case Fault::kDelay:
      job.timer_us = clock().now_us() + config_.delay_us;
      return;
    case Fault::kVanish:
      job.inner.verb = Verb::kErase;
      break;
    case Fault::kCorrupt:
    case Fault::kNone:
      break;
  }
  if (fault == Fault::kCorrupt) job.inner.stands_for = nullptr;  // nothing of it may look verified
  send_row(job);
}

void FaultyTier::on_inner(RowJob& job) {
  switch (static_cast<Fault>(job.stage)) {
    case Fault::kVanish:
      finish_row(job, Outcome::kMiss, MissReason::kVanished);
      return;
    case Fault::kCorrupt: {
      if (job.slot.outcome != Outcome::kDone) break;
      const MemoryRef& ref = job.memory[random_.below(job.memory.size())];
      ref.data[random_.below(ref.size)] ^= std::byte{0x10};
      finish_row(job, Outcome::kCorrupt, MissReason::kCorrupt);
      return;
    }
    default:
      break;
  }
  finish_as_inner(job);
}

std::int64_t FaultyTier::after_whole(Outer& outer) {
  if (outer.batch->verb != Verb::kContains) return 0;
  for (BlockSlot& slot : outer.batch->slots) {
    if (slot.outcome != Outcome::kDone || !random_.chance(config_.miss)) continue;
    slot.outcome = Outcome::kMiss;
    slot.reason = MissReason::kAbsent;
  }
  return 0;
}

}  // namespace cairn
