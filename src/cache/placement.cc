#include "cache/placement.h"

#include <algorithm>
#include <array>

namespace cairn {
namespace {

// Loads side by side: the time until the last of the tiers has brought what was added.
class LoadClock {
 public:
  explicit LoadClock(const LoadPlanInput& input) : input_(input) {}
  double add(std::size_t tier) {
    bytes_[tier] += input_.chunk_bytes;
    return us_ = std::max(us_, input_.rates[tier].time_us(input_.queued_bytes[tier] + bytes_[tier]));
  }
  double us() const { return us_; }

 private:
  const LoadPlanInput& input_;
  std::array<std::uint64_t, 8> bytes_{};
  double us_ = 0;
};

}  // namespace

std::size_t plan_load(const LoadPlanInput& input) {
  const std::size_t chunks = input.tier.size();
  if (input.prefill_tokens_per_s <= 0) return chunks;
  const double compute_chunk_us = input.chunk_tokens / input.prefill_tokens_per_s * 1e6;
  LoadClock load(input);
  double best_us = compute_chunk_us * static_cast<double>(chunks);
  std::size_t best = 0;
  for (std::size_t n = 1; n <= chunks; ++n) {
    const double total_us = load.add(input.tier[n - 1]) + compute_chunk_us * static_cast<double>(chunks - n);
    if (total_us <= best_us) {
      best_us = total_us;
      best = n;
    }
  }
  return best;
}

double load_time_us(const LoadPlanInput& input, std::size_t chunks) {
  LoadClock load(input);
  for (const std::uint8_t tier : input.tier.first(chunks)) load.add(tier);
  return load.us();
}

PutTargets put_targets(std::span<const TierRole> tiers) {
  PutTargets targets;
  for (std::size_t t = 0; t < tiers.size(); ++t) {
    if (!tiers[t].writable || !tiers[t].allowed) continue;
    if (tiers[t].near && targets.near == kNoTier)
      targets.near = t;
    else
      targets.far = static_cast<TierMask>(targets.far | tier_bit(t));
  }
  return targets;
}

}  // namespace cairn
