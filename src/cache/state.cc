#include "cache/state.h"

#include <algorithm>

#include "base/check.h"
#include "cache/admission.h"
#include "kv/header.h"

namespace cairn {
namespace {

std::vector<std::string> names_of(std::span<const std::unique_ptr<Tier>> tiers) {
  std::vector<std::string> names;
  for (const auto& tier : tiers) {
    std::string name(tier->traits().name);
    if (std::find(names.begin(), names.end(), name) != names.end()) name += "-" + std::to_string(names.size());
    names.push_back(std::move(name));
  }
  return names;
}

Breaker::Kind kind_of(Verb verb) {
  return verb == Verb::kGet || verb == Verb::kPut ? Breaker::Kind::kData : Breaker::Kind::kProbe;
}

}  // namespace

Work::Work(CompletionQueue& home, Verb verb, std::size_t on_tier) : batch(home), tier(on_tier) { batch.verb = verb; }

void Work::add(const KvBlockId& id, Scatter scatter, std::uint32_t row) {
  BlockSlot slot;
  slot.id = id;
  slots.push_back(slot);
  rows.push_back(row);
  pieces.emplace_back(memory.size(), scatter.size());
  memory.insert(memory.end(), scatter.begin(), scatter.end());
  for (const MemoryRef& piece : scatter) bytes += piece.size;
}

CacheState::CacheState(const CacheConfig& with, std::vector<std::unique_ptr<Tier>> fastest_first,
                       std::vector<std::uint32_t> wanted, std::vector<std::uint64_t> bytes, const CacheDeps& with_deps)
    : config(with),
      deps(with_deps),
      owned(std::move(fastest_first)),
      shards(std::move(wanted)),
      block_bytes(std::move(bytes)),
      probe(deps.metrics, names_of(owned)),
      returns(std::make_shared<ReturnBox>(done)) {
  for (const std::uint64_t block : block_bytes) {
    bytes_per_chunk += block;
    segment_bytes = std::max(segment_bytes, std::min(block, std::uint64_t{1} << segment_log2_for(block)));
  }
  const std::vector<std::string> names = names_of(owned);
  for (std::size_t t = 0; t < owned.size(); ++t) {
    TierState tier;
    tier.tier = owned[t].get();
    tier.traits = tier.tier->traits();
    tier.name = names[t];
    tier.near = tier.traits.lends;
    tier.breaker = Breaker(config.breaker_errors, std::int64_t{config.breaker_open_ms} * 1000);
    tiers.push_back(std::move(tier));
  }
  now_us = deps.clock.now_us();
}

CacheState::~CacheState() {
  CAIRN_CHECK(under_way.empty(), "the cache was destroyed with batches under way");
  CAIRN_CHECK(returns->leases() == 0, "the cache was destroyed before a lease");
  returns->detach();
}

Work& CacheState::submit(std::unique_ptr<Work> made, Job* owner, Deadline deadline) {
  Work& work = *made;
  work.owner = owner;
  if (owner != nullptr) ++owner->works;
  for (std::size_t i = 0; i < work.slots.size(); ++i) {
    work.slots[i].memory = Scatter(work.memory).subspan(work.pieces[i].first, work.pieces[i].second);
  }
  work.batch.slots = work.slots;
  work.batch.deadline = deadline;
  work.submitted_us = now_us;
  TierState& tier = tiers[work.tier];
  if (!tier.has_probe_id && !work.slots.empty()) {
    tier.probe_id = work.slots.front().id;
    tier.has_probe_id = true;
  }
  if (work.batch.verb == Verb::kGet) {
    if (tier.reading_bytes == 0) tier.read_end_us = now_us;
    tier.reading_bytes += work.bytes;
  }
  inflight_bytes += work.bytes;
  probe.inflight(inflight_bytes);
  numbers_.emplace(&work.batch, ++submitted_);
  under_way.emplace(submitted_, std::move(made));
  tier.tier->submit(work.batch);
  return work;
}

void CacheState::collect(Operation& op) {
  const auto number = numbers_.find(&op);
  CAIRN_CHECK(number != numbers_.end(), "a batch came back that is not under way");
  const auto found = under_way.find(number->second);
  numbers_.erase(number);
  const std::unique_ptr<Work> work = std::move(found->second);
  under_way.erase(found);
  settle(*work);
  if (work->owner != nullptr) {
    --work->owner->works;
    work->owner->returned(*work);
  }
}

// What every batch tells, whoever asked for it.
void CacheState::settle(Work& work) {
  TierState& tier = tiers[work.tier];
  inflight_bytes -= work.bytes;
  probe.inflight(inflight_bytes);
  if (work.held) {
    for (const MemoryRef& piece : work.memory) piece.release();
  }
  if (work.batch.verb == Verb::kGet) {
    tier.reading_bytes -= work.bytes;
    std::uint64_t read_bytes = 0;
    for (std::size_t i = 0; i < work.slots.size(); ++i) {
      if (work.slots[i].outcome != Outcome::kDone) continue;
      for (const MemoryRef& piece : work.slots[i].memory) read_bytes += piece.size;
    }
    if (!work.gave_up) tier.rate.observe_bytes(read_bytes, now_us - busy_from_us(work), now_us);
    probe.rate(work.tier, tier.rate.measured().bytes_per_s);
    tier.read_end_us = now_us;
  }
  if (work.batch.verb == Verb::kContains && !work.cancelled) tier.rate.observe_latency(now_us - work.submitted_us);
  settle_rows(work);
  if (work.owner == nullptr && work.batch.verb == Verb::kLend) {  // nobody is left to return what it pinned
    std::vector<LentBlock> blocks;
    for (const BlockSlot& slot : work.slots) {
      if (slot.outcome == Outcome::kDone) blocks.push_back({slot.id, slot.lent, static_cast<std::uint8_t>(work.tier)});
    }
    give_back(std::move(blocks));
  }
}

std::int64_t CacheState::busy_from_us(const Work& work) const {
  const std::int64_t started_us = work.batch.started_us.load(std::memory_order_relaxed);
  return std::max(tiers[work.tier].read_end_us, started_us != 0 ? started_us : work.submitted_us);
}

void CacheState::give_up(const Job& job) {
  for (std::size_t t = 0; t < tiers.size(); ++t) {
    std::vector<Work*> gets;
    std::uint64_t seen_bytes = 0, asked_bytes = 0;
    std::int64_t busy_us = 0;
    for (auto& [number, work] : under_way) {
      // What waits in the tier's queue tells nothing.
      const bool started = work->batch.started_us.load(std::memory_order_relaxed) != 0;
      if (work->owner != &job || work->tier != t || work->batch.verb != Verb::kGet || work->cancelled || !started)
        continue;
      watch(*work);
      gets.push_back(work.get());
      seen_bytes += std::min(work->segments_seen * segment_bytes, work->bytes);
      asked_bytes += work->bytes;
      busy_us = std::max(busy_us, now_us - busy_from_us(*work));
    }
    if (gets.empty() || busy_us < stall_us() / 2) continue;  // began just now
    if (seen_bytes != 0) {
      tiers[t].rate.observe_bytes(seen_bytes, busy_us, now_us);
    } else {
      tiers[t].rate.observe_stall(std::min(segment_bytes, asked_bytes), busy_us, now_us);
    }
    tiers[t].read_end_us = now_us;
    for (Work* work : gets) work->gave_up = true;
  }
}

void CacheState::settle_rows(Work& work) {
  const Breaker::Kind kind = kind_of(work.batch.verb);
  for (BlockSlot& slot : work.slots) {
    CAIRN_CHECK(slot.outcome != Outcome::kPending, "a tier returned a row without an outcome");
    const bool done_row = slot.outcome == Outcome::kDone;
    switch (slot.outcome) {
      case Outcome::kFailed:
        if (!work.cancelled) bad(work.tier, kind);
        break;
      case Outcome::kCorrupt: {
        const Breaker::State before = tiers[work.tier].breaker.state();
        tiers[work.tier].breaker.corrupt(now_us);
        set_breaker(work.tier, before);
        break;
      }
      default:
        good(work.tier, kind);
        break;
    }
    if (work.batch.verb == Verb::kReturn || slot.outcome == Outcome::kFailed || slot.outcome == Outcome::kRefused)
      continue;
    if (done_row) {
      index.add(key_of(slot.id), work.tier, now_us);
    } else {
      index.remove(key_of(slot.id), work.tier);
    }
    if (done_row && work.batch.verb == Verb::kPut) {
      std::uint64_t bytes = 0;
      for (const MemoryRef& piece : slot.memory) bytes += piece.size;
      probe.stored(work.tier, bytes);
    }
    if (done_row && work.batch.verb == Verb::kLend) tiers[work.tier].pinned_bytes += slot.lent.size;
  }
}

void CacheState::cancel(Work& work) {
  if (work.cancelled) return;
  work.cancelled = true;
  tiers[work.tier].tier->cancel(work.batch);
}

bool CacheState::abandonable(const Work& work) const {
  return std::all_of(work.memory.begin(), work.memory.end(),
                     [](const MemoryRef& piece) { return piece.region != nullptr; });
}

void CacheState::abandon(Work& work) {
  CAIRN_CHECK(abandonable(work), "memory without a region cannot be held");
  for (const MemoryRef& piece : work.memory) piece.hold();
  work.held = true;
  if (work.owner != nullptr) --work.owner->works;
  work.owner = nullptr;
  cancel(work);
}

void CacheState::abandon_all(Job& job) {
  for (auto& [number, work] : under_way) {
    if (work->owner == &job) abandon(*work);
  }
}

bool CacheState::room_for(std::uint64_t bytes, std::uint64_t batched_bytes) const {
  return admits_transfer({inflight_bytes + batched_bytes, config.inflight_bytes_max}, bytes);
}

bool CacheState::watch(Work& work) {
  const std::int64_t started_us = work.batch.started_us.load(std::memory_order_acquire);
  if (started_us == 0) return false;
  const std::uint64_t segments = work.batch.segments_done.load(std::memory_order_relaxed);
  const bool moved = work.progress_us == 0 || segments != work.segments_seen;
  if (work.progress_us == 0) work.progress_us = started_us;
  if (segments != work.segments_seen) work.progress_us = now_us;
  work.segments_seen = segments;
  if (moved) tiers[work.tier].answered_us = std::max(tiers[work.tier].answered_us, work.progress_us);
  return moved;
}

std::int64_t CacheState::sign_of_life_us(std::size_t tier) {
  for (auto& [number, work] : under_way) {
    if (work->tier == tier) watch(*work);
  }
  return tiers[tier].answered_us;
}

void CacheState::set_breaker(std::size_t tier, Breaker::State before) {
  const Breaker::State now = tiers[tier].breaker.state();
  if (now == before) return;
  probe.breaker(tier, now);
  dirty = true;
  if (now == Breaker::State::kOpen) deps.log.warn("cache.breaker.open", {{"tier", tiers[tier].name}});
  if (now == Breaker::State::kClosed) deps.log.info("cache.breaker.close", {{"tier", tiers[tier].name}});
}

void CacheState::good(std::size_t tier, Breaker::Kind kind) {
  const Breaker::State before = tiers[tier].breaker.state();
  tiers[tier].answered_us = now_us;
  tiers[tier].breaker.good(kind);
  set_breaker(tier, before);
}

void CacheState::bad(std::size_t tier, Breaker::Kind kind) {
  const Breaker::State before = tiers[tier].breaker.state();
  tiers[tier].breaker.bad(kind, now_us);
  set_breaker(tier, before);
}

void CacheState::stalled(std::size_t tier, Breaker::Kind kind) {
  probe.stalled(tier);
  bad(tier, kind);
}

// An open breaker whose time is over lets one question through, which no request waits for.
Deadline CacheState::probe_breakers() {
  Deadline next;
  for (std::size_t t = 0; t < tiers.size(); ++t) {
    TierState& tier = tiers[t];
    if (tier.breaker.state() != Breaker::State::kOpen) continue;
    if (now_us < tier.breaker.probe_at_us()) {
      next.at_us = std::min(next.at_us, tier.breaker.probe_at_us());
      continue;
    }
    tier.breaker.begin_probe();
    set_breaker(t, Breaker::State::kOpen);
    auto work = make(Verb::kContains, t);
    work->add(tier.probe_id, {}, 0);
    submit(std::move(work), nullptr, {now_us + stall_us()});
  }
  for (auto& [number, work] : under_way) {  // the question itself may hang
    if (work->owner != nullptr || work->cancelled || work->batch.verb != Verb::kContains) continue;
    if (now_us < work->submitted_us + stall_us()) {
      next.at_us = std::min(next.at_us, work->submitted_us + stall_us());
    } else {
      cancel(*work);
      stalled(work->tier, Breaker::Kind::kProbe);
    }
  }
  return next;
}

void CacheState::give_back(std::vector<LentBlock> blocks) {
  for (std::size_t t = 0; t < tiers.size(); ++t) {
    auto work = make(Verb::kReturn, t);
    for (const LentBlock& block : blocks) {
      if (block.tier != t) continue;
      work->add(block.id, {}, 0);
      work->slots.back().lent = block.lent;
      tiers[t].pinned_bytes -= block.lent.size;
    }
    if (!work->slots.empty()) submit(std::move(work), nullptr, Deadline::never());
  }
}

std::int64_t CacheState::stall_window_us(std::size_t tier) const {
  const auto segment_us = static_cast<std::int64_t>(tiers[tier].rate.measured().time_us(segment_bytes));
  return std::max(stall_us(), 2 * segment_us);
}

// Nobody waits for a store, so it may take its time; but it holds pages.
std::int64_t CacheState::put_window_us() const { return std::max<std::int64_t>(10 * stall_us(), 2'000'000); }

PutTargets CacheState::targets() const {
  std::vector<TierRole> roles;
  for (const TierState& tier : tiers) roles.push_back({tier.near, !tier.traits.read_only, tier.breaker.allows()});
  return put_targets(roles);
}

}  // namespace cairn
