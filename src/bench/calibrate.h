// What the demo measures before it decides: prefill rate of one instance, and what a fleet without tiers serves.
#pragma once

#include "bench/scenario_run.h"

namespace cairn {

// Prompt tokens per second of one instance without tiers, for chats of about `words` words that have nothing in
// common, one after the other.
struct PrefillProbe {
  std::uint32_t words = 256, chats = 2;
  std::uint64_t device_kv_bytes = 256 * kMiB;
};
Result<double> measure_prefill(const ScenarioPlan& plan, const PrefillProbe& probe, const WorkDirectory& work,
                               const ScenarioRunDeps& deps);

// Requests per second that the plan's first scenario serves at its longest length, with empty tiers, for `time_s`, once
// each instance has answered one: the first answers of a saturated fleet come late and say nothing of its rate.
Result<double> measure_served(const ScenarioPlan& plan, double time_s, const WorkDirectory& work,
                              const ScenarioRunDeps& deps);

}  // namespace cairn
