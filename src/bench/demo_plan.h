// The plan of the demo, made from what this machine does: the longest length overloads an instance without tiers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench/scenario_plan.h"
#include "bench/scenario_results.h"

namespace cairn {

struct DemoMachine {
  double prefill_tokens_per_s = 0;  // P, of one instance
  std::uint64_t kv_bytes_per_token = 0;
  std::uint32_t context_tokens_max = 0;  // of the model
  std::uint32_t instances = 2, threads = 1;
};

enum class DemoLength : std::uint8_t { kMinutes, kHours };

inline constexpr const char* kDemoDevice = "device only";
inline constexpr const char* kDemoRam = "RAM";
inline constexpr const char* kDemoFast = "RAM + fast store";
inline constexpr const char* kDemoSlow = "RAM + slow store";

// Users, lengths, rounds and the sizes of pools; offered is 3.5 x what device only should serve by P alone, and there
// are no stores yet. With this plan's longest length the rest is measured.
ScenarioPlan demo_shape(const DemoMachine& machine, DemoLength length = DemoLength::kMinutes);

// The same with what was measured: P at half the longest length, and requests/s that device only served at the longest.
// The slow store is a bucket where the plan has a server for it.
ScenarioPlan demo_plan(const ScenarioPlan& shape, const DemoMachine& machine, double served_per_s);

// What was decided and why, for people.
using DemoFacts = std::vector<std::pair<std::string, std::string>>;
DemoFacts demo_facts(const ScenarioPlan& plan, const DemoMachine& machine, double served_per_s);

// A line for each promise of the demo that was not kept; none: all were.
std::vector<std::string> demo_shortfalls(const ScenarioPlan& plan, const ScenarioResults& results);

}  // namespace cairn
