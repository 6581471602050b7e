// What a run of scenarios says, in figures and in words: medians over repeats, comparisons, the headline. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/scenario_results.h"

namespace cairn {

// As planned, then what only a cell names. The first scenario is what the others are compared with.
std::vector<std::string> scenario_names(const ScenarioResults& results);
std::vector<std::uint32_t> context_lengths(const ScenarioResults& results);
std::uint64_t repeats_of(const ScenarioResults& results);  // of the cell with the most; at least 1

// Places where prompt tokens came from, nearest first: device, ram, the stores by name, computed.
std::vector<std::string> token_sources(const ScenarioResults& results);
// Of the cell's counted tokens, in that order; empty where none were counted.
std::vector<double> source_shares(const ScenarioCell& cell, const std::vector<std::string>& sources);
// Of all cells of that scenario and context that ran to their end.
std::vector<double> source_shares(const ScenarioResults& results, const std::string& scenario,
                                  std::uint32_t context_words, const std::vector<std::string>& sources);

// Of a cell that ran to its end (several: each the median of theirs); all unset where none did.
struct ScenarioPoint {
  std::size_t cells = 0;
  std::optional<double> speed, ttft_s, decode;  // requests/s, mean ttft_with_cut_s, tokens/s per request
};
ScenarioPoint point_of(const ScenarioCell& cell);
ScenarioPoint point_of(const ScenarioResults& results, const std::string& scenario, std::uint32_t context_words);
const ScenarioCell* find_cell(const ScenarioResults& results, const std::string& scenario, std::uint32_t context_words,
                              std::uint32_t repeat);

struct ScenarioRatios {  // unset: a side has no value, or `without` is 0
  std::optional<double> speed, ttft, decode;
};
ScenarioRatios ratios_of(const ScenarioPoint& with, const ScenarioPoint& without);
// A cell beside the first scenario's of the same context and repeat; unset for the first scenario itself.
ScenarioRatios ratios_to_first(const ScenarioResults& results, const ScenarioCell& cell);

// Adding a store may cost this much: the measure's own noise.
inline constexpr double kSpeedRatioMin = 0.97, kTtftRatioMax = 1.05;
enum class Downside : std::uint8_t { kNone, kFound, kUnknown };

using ScenarioPair = std::pair<std::string, std::string>;  // a scenario, and the same with one more store
struct ScenarioComparison {
  std::string without, with;
  std::uint32_t context_words = 0;
  ScenarioRatios ratios;
  Downside downside() const;  // kUnknown: a ratio is unset
};
// One a pair and context, contexts ascending within a pair.
std::vector<ScenarioComparison> find_downsides(const ScenarioResults& results, std::span<const ScenarioPair> pairs);

// The point with the most to show against the first scenario: by speed, or by TTFT where no speed is gained.
std::optional<ScenarioComparison> best_point(const ScenarioResults& results);
// Its finding in one line; what spoils the run (answers differ, nothing ran) comes before any gain.
std::string headline(const ScenarioResults& results);
// What the headline leaves out: the point at which a scenario costs most against the first, or that none does.
std::string other_side(const ScenarioResults& results);

std::string ratio_text(std::optional<double> ratio);   // "2.88 ×"
std::string change_text(std::optional<double> ratio);  // "−94 %", "+4 %", "±0 %"
std::string share_text(double share);                  // "58.5 %"

}  // namespace cairn
