// Every tier and every wrapper under one name each; a new tier gets the whole contract suite by one line here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tier/tier.h"
#include "tier/tier_world.h"

namespace cairn::test {

struct Subject {
  std::string name;
  // `blocks`: room for about so many blocks.
  std::function<std::unique_ptr<Tier>(TierWorld& world, std::uint32_t blocks)> make;
};

std::vector<Subject> subjects();

}  // namespace cairn::test
