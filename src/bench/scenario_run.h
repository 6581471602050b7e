// Runs a plan of scenarios: for each context length a seed of first chats, then a cell per scenario on a fleet of its
// own. Everything it starts ends with it; the stores are gone when it returns.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bench/scenario_plan.h"
#include "bench/scenario_results.h"
#include "bench/work_directory.h"

namespace cairn {

struct ScenarioRunDeps {
  const Clock& clock;
  const std::atomic<bool>& stop;         // set: children are stopped, and what was found so far is the result
  std::string program;                   // cairn, for the children
  std::vector<std::string> environment;  // of theirs: "NAME=value"
  // Called on the calling thread. What is under way, ten times a second, with the time to go.
  std::function<void(const std::string&)> progress;
  std::function<void(const std::string&)> line;  // what happened once: a seed
  // As they end; `so_far` has the cells before it.
  std::function<void(const ScenarioResults& so_far, const ScenarioCell& cell)> cell_done;
};

// The plan is valid and fits (see scenario_plan.h). A cell that fails is a row with a reason. An error is what keeps
// every cell from running: the work directory, or an instance that computes no seed.
Result<ScenarioResults> run_scenarios(const ScenarioPlan& plan, const WorkDirectory& work, ScenarioResults heading,
                                      const ScenarioRunDeps& deps);

// Every cell ran to its end, and answers were equal wherever they could be compared.
bool is_good(const ScenarioResults& results);

// Flags of one instance in a cell; {bucket} stays, until its server has named its port.
std::vector<std::string> serve_flags(const ScenarioPlan& plan, const Scenario& scenario, const std::string& store,
                                     const std::string& seed);

}  // namespace cairn
