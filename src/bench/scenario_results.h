// What a run of scenarios found: a table of cells, context lengths by scenarios. Values; filled by scenario_run.h,
// shown by scenario_report.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/qa_summary.h"

namespace cairn {

struct ScenarioCell {
  std::string scenario;             // its name in the plan
  std::uint32_t context_words = 0;  // of a user's history at the start; the other axis
  std::uint32_t repeat = 0;         // 0 is the first
  QaSummary summary;
  std::optional<double> steady_per_s;  // requests, once each instance had answered one; unset: too few for that
  std::uint64_t unfinished = 0;        // cut at the end of the drain
  // Prompt tokens by where they came from, by the instances' own metrics: "device", "ram", "file", ..., "computed".
  std::map<std::string, std::uint64_t> tokens_by_source;
  std::uint64_t cold_sessions = 0;  // that joined after the start: nobody had computed their contexts
  double elapsed_s = 0;             // of the cell, start and fill included
  std::string failure;              // empty: it ran to its end
};

struct ScenarioResults {
  std::string title;       // of the plan's file
  std::string started_at;  // ISO 8601, UTC
  std::vector<std::pair<std::string, std::string>>
      facts;                            // in order: machine, model, fleet, rates, what was decided and why
  std::vector<std::string> scenarios;   // in the plan's order
  std::vector<std::uint32_t> contexts;  // ascending
  std::map<std::uint32_t, std::uint64_t> context_tokens;  // words -> mean prompt tokens of a first question
  std::uint64_t cells_planned = 0;
  std::vector<ScenarioCell> cells;  // as they ran; a partial run has fewer
  // The same question of the same user had the same answer in every scenario. Unset: no two scenarios shared one.
  std::optional<bool> answers_equal;
  std::uint64_t answers_compared = 0;
  std::vector<std::string> differing;  // a line each, at most 20
  bool interrupted = false;
  std::string ended_by;  // what ended the run before its last cell, besides an interrupt; empty: nothing

  bool is_whole() const { return !interrupted && cells.size() >= cells_planned; }
};

}  // namespace cairn
