// Where blocks go and come from, and how much of a found prefix is worth loading. Pure functions over values.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cache/rate.h"

namespace cairn {

using TierMask = std::uint8_t;  // bit i: tier i, fastest first
inline constexpr TierMask tier_bit(std::size_t tier) { return static_cast<TierMask>(1u << tier); }
inline constexpr std::size_t kNoTier = 0xff;
inline constexpr std::size_t fastest(TierMask mask) {
  return mask == 0 ? kNoTier : static_cast<std::size_t>(std::countr_zero(mask));
}

struct LoadPlanInput {
  std::span<const std::uint8_t> tier;           // of each found chunk, in prefix order
  std::span<const TierRate> rates;              // by tier
  std::span<const std::uint64_t> queued_bytes;  // by tier: our own transfers ahead of this one
  std::uint64_t chunk_bytes = 0;
  double chunk_tokens = 0;
  double prefill_tokens_per_s = 0;  // 0: not measured: load everything
};
// How many leading chunks to load so that loading these and computing the others ends first. Tiers work side by side;
// computing begins when the last of them is done. Of equal plans the longer load wins.
std::size_t plan_load(const LoadPlanInput& input);
// How long loading the first `chunks` takes, as plan_load sees it.
double load_time_us(const LoadPlanInput& input, std::size_t chunks);

// A fast tier takes part in the memory of this process: it answers at once and lends. Others follow in the background.
struct PutTargets {
  std::size_t near = kNoTier;  // written first, from the caller's memory
  TierMask far = 0;            // written behind it, from the near copy when there is one
};
struct TierRole {
  bool near = false, writable = false, allowed = false;
};
PutTargets put_targets(std::span<const TierRole> tiers);

}  // namespace cairn
