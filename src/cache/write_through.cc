#include "cache/write_through.h"

#include <algorithm>

#include "cache/admission.h"

namespace cairn {

void WriteThrough::add(std::size_t near, const std::vector<Item>& items) {
  auto lend = state_.make(Verb::kLend, near);
  std::uint64_t dropped_bytes = 0, dropped_blocks = 0;
  for (const Item& item : items) {
    const std::uint64_t capacity = state_.tiers[near].tier->usage().capacity_bytes;
    const std::uint64_t bound = std::min(state_.config.write_through_bytes_max, capacity / 2);
    if (closed_ || !admits_write_through({waiting_bytes_, bound}, item.bytes)) {
      ++dropped_blocks;
      dropped_bytes += item.bytes;
      continue;
    }
    waiting_bytes_ += item.bytes;
    const std::uint64_t number = next_++;
    blocks_.emplace(number, Block{item, {item.id, {}, static_cast<std::uint8_t>(near)}, false, 0});
    TierMask& saving = state_.saving[key_of(item.id)];
    saving = static_cast<TierMask>(saving | item.far);
    lend->add(item.id, {}, static_cast<std::uint32_t>(number));
  }
  if (dropped_blocks != 0) count_dropped(dropped_blocks, dropped_bytes);
  state_.probe.write_through_waiting(waiting_bytes_);
  if (!lend->slots.empty()) state_.submit(std::move(lend), this, Deadline::never());
}

void WriteThrough::count_dropped(std::uint64_t blocks, std::uint64_t bytes) {
  dropped_blocks_ += blocks;
  state_.probe.write_through_dropped(blocks, bytes);
  state_.deps.log.warn("cache.write_through.drop",
                       {{"blocks", blocks}, {"bytes", bytes}, {"waiting_bytes", waiting_bytes_}});
}

void WriteThrough::returned(Work& work) {
  if (work.batch.verb == Verb::kLend)
    lend_returned(work);
  else
    put_returned(work);
}

void WriteThrough::lend_returned(Work& work) {
  for (std::size_t i = 0; i < work.slots.size(); ++i) {
    const std::uint64_t number = work.rows[i];
    Block& block = blocks_.at(number);
    const TierMask far = block.item.far;
    if (work.slots[i].outcome == Outcome::kDone) {
      block.pinned = true;
      block.lent.lent = work.slots[i].lent;
    } else {
      count_dropped(1, block.item.bytes);  // evicted before it could be pinned
    }
    const bool pinned = block.pinned && !closed_;
    for (std::size_t t = 0; t < state_.tiers.size(); ++t) {
      if ((far & tier_bit(t)) == 0) continue;
      if (pinned)
        queues_[t].push_back(number);
      else if (work.slots[i].outcome == Outcome::kDone)
        skip(number, t);
      else
        settle(number, t);
    }
  }
}

void WriteThrough::put_returned(Work& work) {
  --writing_[work.tier];
  if (work.slots.front().outcome != Outcome::kDone) state_.probe.not_stored(work.tier);
  settle(work.rows.front(), work.tier);
}

void WriteThrough::skip(std::uint64_t number, std::size_t tier) {
  count_dropped(1, blocks_.at(number).item.bytes);
  settle(number, tier);
}

void WriteThrough::settle(std::uint64_t number, std::size_t tier) {
  Block& block = blocks_.at(number);
  block.item.far = static_cast<TierMask>(block.item.far & ~tier_bit(tier));
  const auto saving = state_.saving.find(key_of(block.item.id));
  saving->second = static_cast<TierMask>(saving->second & ~tier_bit(tier));
  if (saving->second == 0) state_.saving.erase(saving);
  if (block.item.far != 0) return;
  waiting_bytes_ -= block.item.bytes;
  state_.probe.write_through_waiting(waiting_bytes_);
  if (block.pinned) state_.give_back({block.lent});
  blocks_.erase(number);
  state_.dirty = true;
}

void WriteThrough::start(std::size_t tier) {
  std::deque<std::uint64_t>& queue = queues_[tier];
  while (!queue.empty() && !state_.allows(tier)) {  // its blocks must not use up the budget of healthy tiers
    skip(queue.front(), tier);
    queue.pop_front();
  }
  while (!queue.empty() && writing_[tier] < kThroughBlocksMax &&
         state_.room_for(blocks_.at(queue.front()).item.bytes)) {
    const Block& block = blocks_.at(queue.front());
    auto put = state_.make(Verb::kPut, tier);
    put->add(block.item.id, Scatter(&block.lent.lent, 1), static_cast<std::uint32_t>(queue.front()));
    queue.pop_front();
    ++writing_[tier];
    state_.submit(std::move(put), this, {state_.now_us + kTransferMaxUs});
  }
}

Deadline WriteThrough::step(std::int64_t now_us) {
  for (std::size_t t = 0; t < queues_.size(); ++t) start(t);
  Deadline next;
  for (auto& [number, work] : state_.under_way) {
    if (work->owner != this || work->batch.verb != Verb::kPut || work->cancelled) continue;
    state_.watch(*work);
    next.at_us = std::min(next.at_us, now_us + state_.stall_us());
    const bool stalled = work->progress_us != 0 && now_us >= work->progress_us + state_.put_window_us();
    if (!stalled && now_us < work->submitted_us + kTransferMaxUs) continue;
    state_.cancel(*work);
    state_.stalled(work->tier, Breaker::Kind::kData);
  }
  return next;
}

void WriteThrough::drop_all() {
  closed_ = true;
  for (std::size_t t = 0; t < queues_.size(); ++t) {
    while (!queues_[t].empty()) {
      skip(queues_[t].front(), t);
      queues_[t].pop_front();
    }
  }
  for (auto& [number, work] : state_.under_way) {
    if (work->owner == this && work->batch.verb == Verb::kPut) state_.cancel(*work);
  }
}

}  // namespace cairn
