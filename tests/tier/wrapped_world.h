// A RAM tier for wrappers to stand on.
#pragma once

#include "telemetry/log.h"
#include "tier/ram_tier.h"
#include "tier/tier_world.h"

namespace cairn::test {

class WrappedWorld : public TierWorld {
 public:
  std::unique_ptr<Tier> ram(std::uint32_t blocks = 8) {
    RamTierConfig config;
    config.capacity_bytes = block_bytes * blocks;
    auto tier = RamTier::open(config, block_bytes, {clock, null_log()});
    CAIRN_CHECK(tier.has_value(), "a RAM tier must open");
    return std::move(*tier);
  }
  Outcome put(Tier& tier, std::uint32_t n) {
    fill(0, n + 1);
    return run(tier, Verb::kPut, id(n), pages(0));
  }
};

}  // namespace cairn::test
