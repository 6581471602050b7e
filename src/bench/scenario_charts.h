// The four charts of a run of scenarios, over context length, as a section of the page of scenario_html.h. Pure.
#pragma once

#include <string>

#include "bench/scenario_results.h"

namespace cairn {

// Speed, mean TTFT on a log axis, decode rate: a line a scenario, each point the median of its repeats. Then the shares
// of prompt tokens by source: a bar a scenario and context.
std::string scenario_charts(const ScenarioResults& results);

}  // namespace cairn
