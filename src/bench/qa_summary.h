// What a run of the multi-round QA workload amounts to. Pure over its records.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/request_record.h"

namespace cairn {

// Linear between the two nearest ranks: of n sorted values, p stands at p/100 * (n - 1). Unset: no values.
std::optional<double> percentile(std::span<const double> sorted, double p);

struct Spread {  // unset: no values
  std::optional<double> mean, p50, p90, p99;
};
Spread spread_of(std::vector<double> values);

struct SummaryWindow {
  double start_s = 0, end_s = 0;
  double length_s() const { return end_s > start_s ? end_s - start_s : 0; }
};
// [max(first tick, from), min(to, last finish)]; a window without a finished request ends at `to`.
SummaryWindow summary_window(std::span<const RequestRecord> records, double first_tick_s, double from_s, double to_s);
// Of records read from a file: [first launch, last finish].
SummaryWindow summary_window(std::span<const RequestRecord> records);

// Rates are per second of the window; 0 when it has no length. Requests belong to the window in which they finished.
struct QaSummary {
  double configured_qps = 0;
  SummaryWindow window;
  std::uint64_t launched = 0;  // in the window, whatever became of them
  std::uint64_t finished = 0, failed = 0, in_flight = 0;
  double actual_qps = 0;        // (finished or failed, launched in the window, + in flight) / window
  double processing_speed = 0;  // finished / window
  double input_tokens_per_s = 0, output_tokens_per_s = 0;  // input: cached tokens included
  double total_tokens_per_s() const { return input_tokens_per_s + output_tokens_per_s; }
  // Mean over requests of tokens / time after the first text; an answer of one piece has no such time and no say.
  std::optional<double> mean_generation_speed;
  Spread ttft_s, gap_s, end_to_end_s;  // of those that finished
  // Of those that finished or were cut: TTFT, or how long a request that was cut before its first text had waited. What
  // is slow would otherwise look fast because only its fastest requests finish.
  Spread ttft_with_cut_s;
  std::uint64_t prompt_tokens = 0, generation_tokens = 0;
  std::optional<std::uint64_t> cached_tokens;  // unset: no server said
  std::map<std::string, std::uint64_t> cached_by_tier;
  std::map<std::string, std::uint64_t> errors;  // reason -> requests
};
// `in_flight`: requests that have no record yet, besides the records that were cut.
QaSummary summarise(std::span<const RequestRecord> records, const SummaryWindow& window, double configured_qps,
                    std::uint64_t in_flight = 0);

// Requests per second between the finish number `skip` and the last: what a fleet serves once it is busy. `skip`
// finishes at one moment may be the first of as many servers. Unset: fewer than twice as many finished.
std::optional<double> steady_rate(std::span<const RequestRecord> records, std::size_t skip);

std::string to_text(const QaSummary& summary);
// One line for --log-interval.
std::string to_line(const QaSummary& summary);

}  // namespace cairn
