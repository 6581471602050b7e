// A run of scenarios as one HTML page that needs nothing else: no script, no network, no second file. Pure. The page is
// well-formed XML besides, so that any tool can read its tables.
#pragma once

#include <span>
#include <string>

#include "bench/scenario_findings.h"
#include "bench/scenario_results.h"

namespace cairn {

// `pairs`: a scenario and the same with one more store, for the table of what a store costs.
std::string to_html(const ScenarioResults& results, std::span<const ScenarioPair> pairs = {});

}  // namespace cairn
