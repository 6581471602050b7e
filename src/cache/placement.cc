#include "cache/placement.h"

#include <algorithm>
#include <array>

namespace cairn {

std::size_t plan_load(const LoadPlanInput& input) {
  const std::size_t chunks = input.tier.size();
  if (input.prefill_tokens_per_s <= 0) return chunks;
  const double compute_chunk_us = input.chunk_tokens / input.prefill_tokens_per_s * 1e6;
  std::array<std::uint64_t, 8> bytes{};
  double load_us = 0;
  double best_us = compute_chunk_us * static_cast<double>(chunks);
  std::size_t best = 0;
  for (std::size_t n = 1; n <= chunks; ++n) {
    const std::size_t tier = input.tier[n - 1];
    bytes[tier] += input.chunk_bytes;
    load_us = std::max(load_us, input.rates[tier].time_us(input.queued_bytes[tier] + bytes[tier]));
    const double total_us = load_us + compute_chunk_us * static_cast<double>(chunks - n);
    if (total_us <= best_us) {
      best_us = total_us;
      best = n;
    }
  }
  return best;
}

double load_time_us(const LoadPlanInput& input, std::size_t chunks) {
  std::array<std::uint64_t, 8> bytes{};
  double load_us = 0;
  for (const std::uint8_t tier : input.tier.first(chunks)) {
    bytes[tier] += input.chunk_bytes;
    load_us = std::max(load_us, input.rates[tier].time_us(input.queued_bytes[tier] + bytes[tier]));
  }
  return load_us;
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
