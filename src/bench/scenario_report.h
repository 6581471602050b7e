// A run of scenarios as text for a terminal, as CSV and as JSON. Pure: values in, text out.
#pragma once

#include <span>
#include <string>

#include "bench/scenario_findings.h"
#include "bench/scenario_results.h"

namespace cairn {

// The table as it grows: the header needs only the plan, a row also the cells that ran before it. One line each, with
// its end; about a hundred columns wide.
std::string scenario_header(const ScenarioResults& results);
std::string scenario_row(const ScenarioResults& results, const ScenarioCell& cell);

// All of it: finding, facts, the table above, percentiles, requests, sources of tokens, downsides of the pairs,
// answers.
std::string to_text(const ScenarioResults& results, std::span<const ScenarioPair> pairs = {});

// One row a cell with every figure, numbers exact, unset ones empty. Sources of tokens are columns tokens_<source>.
std::string to_csv(const ScenarioResults& results);

// Every figure, numbers exact; unset ones are null and there is no inf or nan.
std::string to_json(const ScenarioResults& results, std::span<const ScenarioPair> pairs = {});

}  // namespace cairn
