// Results of runs that no machine made: whole, partial, and full of names that need escapes.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "bench/scenario_findings.h"
#include "bench/scenario_results.h"

namespace cairn {

inline std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

struct SampleFigures {
  double speed, ttft_s, decode;
  std::map<std::string, std::uint64_t> tokens;
};

inline ScenarioCell sample_cell(const std::string& scenario, std::uint32_t words, const SampleFigures& figures) {
  ScenarioCell cell;
  cell.scenario = scenario;
  cell.context_words = words;
  cell.tokens_by_source = figures.tokens;
  cell.elapsed_s = 38.25;
  QaSummary& sum = cell.summary;
  sum.window = {100, 130};
  sum.configured_qps = 1.44;
  sum.launched = 41;
  sum.finished = static_cast<std::uint64_t>(figures.speed * 30);
  sum.actual_qps = 1.366;
  sum.processing_speed = figures.speed;
  sum.input_tokens_per_s = figures.speed * words * 1.4;
  sum.output_tokens_per_s = figures.speed * 32;
  sum.mean_generation_speed = figures.decode;
  const double ttft = figures.ttft_s;
  sum.ttft_s = sum.ttft_with_cut_s = {ttft, ttft * 0.83, ttft * 1.91, ttft * 2.47};
  sum.gap_s = {1 / figures.decode, 0.97 / figures.decode, 1.53 / figures.decode, 2.21 / figures.decode};
  const double whole = ttft + 31 / figures.decode;
  sum.end_to_end_s = {whole, whole * 0.89, whole * 1.64, whole * 2.03};
  sum.prompt_tokens = static_cast<std::uint64_t>(figures.speed * 30 * words * 1.4);
  sum.generation_tokens = sum.finished * 32;
  sum.cached_tokens = sum.prompt_tokens / 2;
  return cell;
}

// Three contexts, four scenarios; the shape of the published table.
inline ScenarioResults sample_results() {
  ScenarioResults results;
  results.title = "Four ways to keep a cache";
  results.started_at = "2026-05-04T10:20:30Z";
  results.facts = {{"Machine", "2 cores, 24 GiB"},
                   {"Model", "SmolLM2-135M-Instruct, 22.5 KiB of KV a token"},
                   {"Fleet", "2 instances of one thread each behind cairn route, round robin"},
                   {"Prefill of one instance", "412 tokens/s at half the longest context"},
                   {"Offered", "1.44 requests/s: 3.5 × what device only serves at the longest context, hits included"},
                   {"Store, fast", "46 MB/s, 5 × KV bytes a token × prefill rate, half of it each instance"},
                   {"Store, slow", "11 MB/s, 1.2 × the same"}};
  results.scenarios = {"device only", "RAM", "RAM + fast store", "RAM + slow store"};
  results.contexts = {300, 800, 1500};
  results.context_tokens = {{300, 421}, {800, 1118}, {1500, 2094}};
  const std::vector<std::vector<SampleFigures>> figures = {
      {{1.36, 0.412, 38.1, {{"device", 9120}, {"computed", 6480}}},
       {1.37, 0.388, 39.4, {{"device", 9000}, {"ram", 4300}, {"computed", 2300}}},
       {1.37, 0.294, 39.9, {{"device", 9010}, {"ram", 4410}, {"file", 1210}, {"computed", 970}}},
       {1.36, 0.341, 39.2, {{"device", 9015}, {"ram", 4402}, {"file", 800}, {"computed", 1390}}}},
      {{0.78, 4.93, 19.7, {{"device", 7150}, {"computed", 21400}}},
       {1.27, 0.972, 31.0, {{"device", 7010}, {"ram", 15900}, {"computed", 5650}}},
       {1.34, 0.511, 35.6, {{"device", 7000}, {"ram", 15800}, {"file", 4100}, {"computed", 1660}}},
       {1.33, 0.702, 34.0, {{"device", 7020}, {"ram", 15900}, {"file", 3000}, {"computed", 2640}}}},
      {{0.411, 12.1, 9.62, {{"device", 4010}, {"computed", 38200}}},
       {0.633, 7.84, 13.9, {{"device", 3950}, {"ram", 14100}, {"computed", 24150}}},
       {1.19, 0.733, 33.5, {{"device", 3980}, {"ram", 13800}, {"file", 19900}, {"computed", 4520}}},
       {0.917, 2.38, 24.8, {{"device", 3990}, {"ram", 13900}, {"file", 12100}, {"computed", 12210}}}}};
  for (std::size_t words = 0; words < results.contexts.size(); ++words) {
    for (std::size_t name = 0; name < results.scenarios.size(); ++name) {
      results.cells.push_back(sample_cell(results.scenarios[name], results.contexts[words], figures[words][name]));
    }
  }
  results.cells[8].unfinished = 17;
  results.cells[8].cold_sessions = 3;
  results.cells[10].cold_sessions = 3;
  results.answers_equal = true;
  results.answers_compared = 1240;
  return results;
}

inline std::vector<ScenarioPair> sample_pairs() { return {{"RAM", "RAM + fast store"}, {"RAM", "RAM + slow store"}}; }

// Three repeats of many contexts, the store a cost at the shortest.
inline ScenarioResults long_results() {
  ScenarioResults results = sample_results();
  results.title = "Eight lengths, three repeats";
  results.contexts = {100, 200, 400, 700, 1000, 1300, 1600, 2500};
  results.context_tokens.clear();
  results.cells.clear();
  for (std::uint32_t repeat = 0; repeat < 3; ++repeat) {
    for (const std::uint32_t words : results.contexts) {
      for (std::size_t name = 0; name < results.scenarios.size(); ++name) {
        const double help = name == 3 ? 1.5 : static_cast<double>(name);
        const double load = words / 1000.0 / (1 + 0.8 * help);
        const double wobble = 1 + 0.01 * repeat;
        const SampleFigures figures{1.4 / (1 + load * load) * wobble * (name == 3 && words == 100 ? 0.9 : 1),
                                    0.09 * std::exp(3.1 * load) * wobble,
                                    40 / (1 + load),
                                    {{"device", 1000},
                                     {"ram", name > 0 ? words * 2 : 0},
                                     {"file", name > 1 ? words * 3 : 0},
                                     {"computed", static_cast<std::uint64_t>(500 + load * 3000)}}};
        results.cells.push_back(sample_cell(results.scenarios[name], words, figures));
        results.cells.back().repeat = repeat;
      }
    }
  }
  return results;
}

// Stopped in the middle, with names that are markup, a cell that failed, answers that differ and values that are none.
inline ScenarioResults hostile_results() {
  ScenarioResults results;
  results.title = "<script>alert(\"x\")</script> & 'y'";
  results.started_at = "2026-05-04T10:20:30Z";
  results.facts = {{"<b>&", std::string(300, 'w')}, {"bytes", "\xff\x1b[31m\xc3"}};
  results.scenarios = {"a<b>&\"c\"'d'", "one whose name goes on " + std::string(120, 'n') + " and ends", "never ran",
                       "Müller, \"naïve\""};
  results.contexts = {500, 9000};
  results.cells.push_back(sample_cell(results.scenarios[0], 500, {0, 0, 1, {}}));
  results.cells.push_back(sample_cell(results.scenarios[1], 500, {0.5, 1.5, 20, {{"file<1>", 7}, {"computed", 0}}}));
  results.cells[1].summary.errors = {{"HTTP 503: <busy>, \"later\"", 4}};
  results.cells[1].summary.failed = 4;
  results.cells[1].summary.gap_s.p99 = std::numeric_limits<double>::quiet_NaN();
  results.cells[1].summary.actual_qps = std::numeric_limits<double>::infinity();
  results.cells.push_back(sample_cell(results.scenarios[3], 500, {1.5, 0.5, 20, {}}));
  results.cells[2].failure = "instance 1 & 2 did not start <in time>";
  results.answers_equal = false;
  results.answers_compared = 12;
  results.differing = {"user 3, question 2: <abc> in a, &def in b"};
  results.interrupted = true;
  results.cells_planned = 8;
  return results;
}

inline ScenarioResults tiny_results() {
  ScenarioResults results = sample_results();
  results.title = "";
  results.scenarios = {"device only"};
  results.contexts = {800};
  results.cells = {results.cells[4]};
  results.facts.clear();
  results.answers_equal.reset();
  return results;
}

}  // namespace cairn
