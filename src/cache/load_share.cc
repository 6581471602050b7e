// What a load has to do with others: it claims the chunks that it brings, so that a second load of the same chunk
// waits for the first one; and it leaves what came from a slower tier in the near tier.
#include <algorithm>
#include <cstring>

#include "cache/load_job.h"

namespace cairn {

bool copy_block(Scatter from, Scatter to) {
  const auto on_device = [](const MemoryRef& piece) { return piece.kind == MemoryKind::kDevice; };
  if (std::any_of(from.begin(), from.end(), on_device) || std::any_of(to.begin(), to.end(), on_device)) return false;
  std::size_t piece = 0;
  std::uint64_t offset = 0;
  for (const MemoryRef& target : to) {
    for (std::uint64_t filled = 0; filled < target.size;) {
      if (piece == from.size()) return false;
      const std::uint64_t bytes = std::min(target.size - filled, from[piece].size - offset);
      std::memcpy(target.data + filled, from[piece].data + offset, bytes);
      filled += bytes;
      offset += bytes;
      if (offset == from[piece].size) {
        ++piece;
        offset = 0;
      }
    }
  }
  return true;
}

bool LoadJob::claim(std::size_t chunk) {
  // From the near tier it is a copy in memory: nothing to share.
  if (state_.tiers[fastest(chunks_[chunk].left)].near) return true;
  Claim& claim = state_.claims[id(chunk).key];
  if (claim.owner == this && chunks_[chunk].claimed) return true;
  if (claim.owner != nullptr && claim.chunk != id(chunk)) return true;  // equal keys, not the same chunk: not shared
  if (claim.owner != nullptr) {
    claim.waiting.emplace_back(this, chunk);
    chunks_[chunk].phase = Phase::kWaiting;
    state_.probe.shared_load();
    return false;
  }
  claim.owner = this;
  claim.chunk = id(chunk);
  chunks_[chunk].claimed = true;
  return true;
}

void LoadJob::settle_claim(std::size_t chunk, std::size_t near, bool filled) {
  if (!chunks_[chunk].claimed) return;
  chunks_[chunk].claimed = false;
  const auto found = state_.claims.find(id(chunk).key);
  const std::vector<std::pair<LoadJob*, std::size_t>> waiting = std::move(found->second.waiting);
  state_.claims.erase(found);
  for (const auto& [job, wanted] : waiting) {
    job->offered(wanted, near, chunks_[chunk].tier, filled ? memory(chunk) : std::span<const Scatter>());
    state_.dirty = true;
  }
}

void LoadJob::offered(std::size_t chunk, std::size_t near, std::size_t source, std::span<const Scatter> from) {
  Chunk& mine = chunks_[chunk];
  mine.phase = Phase::kOpen;
  if (near != kNoTier) {
    mine.left = static_cast<TierMask>(mine.left | tier_bit(near));
    return;
  }
  if (from.empty()) return;
  bool copied = true;
  for (std::size_t s = 0; s < from.size(); ++s) copied = copied && copy_block(from[s], memory(chunk)[s]);
  if (!copied) return;
  mine.tier = static_cast<std::uint8_t>(source);
  mine.phase = Phase::kFilled;
}

void LoadJob::leave_claims() {
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    if (chunks_[c].claimed) settle_claim(c, kNoTier, chunks_[c].phase == Phase::kPromoting);
    if (chunks_[c].phase != Phase::kWaiting) continue;
    const auto found = state_.claims.find(id(c).key);
    if (found != state_.claims.end()) {
      std::erase_if(found->second.waiting,
                    [&](const auto& waiter) { return waiter.first == this && waiter.second == c; });
    }
    chunks_[c].phase = Phase::kOpen;
  }
}

// Chunks of `work` in phase kPromoting are verified. They are filled for the caller once the near tier has its copy,
// for until then the caller may not write to or reuse their memory.
void LoadJob::promote(const Work& work) {
  const std::size_t near = state_.config.promote ? state_.targets().near : kNoTier;
  std::unique_ptr<Work> put;
  for (std::size_t row = 0; row < work.rows.size(); row += state_.shards.size()) {
    const std::size_t c = work.rows[row];
    if (chunks_[c].phase != Phase::kPromoting) continue;
    const bool worth = near != kNoTier && !state_.tiers[work.tier].near && c < end_;
    if (!worth) {
      chunks_[c].phase = Phase::kFilled;
      settle_claim(c, kNoTier, true);
      continue;
    }
    if (put == nullptr) put = state_.make(Verb::kPut, near);
    for (std::size_t s = 0; s < state_.shards.size(); ++s) {
      put->add({id(c), state_.shards[s]}, memory(c)[s], static_cast<std::uint32_t>(c));
    }
  }
  if (put == nullptr) return;
  put->bytes = 0;  // memory that the load has anyway
  state_.submit(std::move(put), this, {state_.now_us + state_.stall_us()});
}

void LoadJob::promotion_ended(const Work& work, End end) {
  for (std::size_t first = 0; first < work.rows.size(); first += state_.shards.size()) {
    const std::size_t c = work.rows[first];
    bool stored = end == End::kBack;
    for (std::size_t s = 0; s < state_.shards.size(); ++s) {
      stored = stored && work.slots[first + s].outcome == Outcome::kDone;
    }
    chunks_[c].phase = Phase::kFilled;
    if (stored) state_.probe.promoted(state_.chunk_bytes());
    settle_claim(c, stored ? work.tier : kNoTier, true);
  }
}

}  // namespace cairn
