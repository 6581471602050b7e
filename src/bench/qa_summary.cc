#include "bench/qa_summary.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace cairn {
namespace {

constexpr std::size_t kReasonsShown = 8;

std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));
std::string format(const char* pattern, ...) {
  char line[512];
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(line, sizeof line, pattern, values);
  va_end(values);
  return line;
}

bool within(const SummaryWindow& window, double at_s) { return window.start_s <= at_s && at_s <= window.end_s; }

std::string number(const std::optional<double>& value, const char* pattern) {
  if (!value) return "-";
  char text[32];
  std::snprintf(text, sizeof text, pattern, *value);
  return text;
}

std::string spread_line(const char* name, const Spread& spread) {
  return format("  %-28s mean %10s   p50 %10s   p90 %10s   p99 %10s   s\n", name, number(spread.mean, "%.4f").c_str(),
                number(spread.p50, "%.4f").c_str(), number(spread.p90, "%.4f").c_str(),
                number(spread.p99, "%.4f").c_str());
}

struct Samples {
  std::vector<double> ttft, waits, gaps, end_to_end, speeds;
};

void add_finished(const RequestRecord& record, QaSummary& sum, Samples& samples) {
  ++sum.finished;
  sum.prompt_tokens += record.prompt_tokens;
  sum.generation_tokens += record.generation_tokens;
  if (record.cached_tokens) sum.cached_tokens = sum.cached_tokens.value_or(0) + *record.cached_tokens;
  for (const auto& [tier, tokens] : record.cached_by_tier) sum.cached_by_tier[tier] += tokens;
  samples.ttft.push_back(record.ttft_s);
  samples.waits.push_back(record.first_text_wait_s());
  samples.end_to_end.push_back(record.end_to_end_s());
  samples.gaps.insert(samples.gaps.end(), record.gaps_s.begin(), record.gaps_s.end());
  if (record.generation_s > 0) {
    samples.speeds.push_back(static_cast<double>(record.generation_tokens) / record.generation_s);
  }
}

}  // namespace

std::optional<double> percentile(std::span<const double> sorted, double p) {
  if (sorted.empty()) return std::nullopt;
  const double rank = p / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(rank));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (rank - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  double sum = 0;
  for (const double value : values) sum += value;
  return {sum / static_cast<double>(values.size()), percentile(values, 50), percentile(values, 90),
          percentile(values, 99)};
}

SummaryWindow summary_window(std::span<const RequestRecord> records, double first_tick_s, double from_s, double to_s) {
  std::optional<double> last;
  for (const RequestRecord& record : records) {
    if (record.finished() && (!last || record.finish_s > *last)) last = record.finish_s;
  }
  return {std::max(first_tick_s, from_s), last ? std::min(to_s, *last) : to_s};
}

SummaryWindow summary_window(std::span<const RequestRecord> records) {
  if (records.empty()) return {};
  double first = records.front().launch_s, latest = records.front().finish_s;
  for (const RequestRecord& record : records) {
    first = std::min(first, record.launch_s);
    latest = std::max(latest, record.finish_s);
  }
  return summary_window(records, first, first, latest);
}

QaSummary summarise(std::span<const RequestRecord> records, const SummaryWindow& window, double configured_qps,
                    std::uint64_t in_flight) {
  QaSummary sum;
  sum.configured_qps = configured_qps;
  sum.window = window;
  sum.in_flight = in_flight;
  Samples samples;
  for (const RequestRecord& record : records) {
    if (record.end == RequestRecord::End::kInFlight) {
      ++sum.in_flight;
      samples.waits.push_back(record.first_text_wait_s());
      continue;
    }
    sum.launched += within(window, record.launch_s) ? 1 : 0;
    if (record.end == RequestRecord::End::kFailed) {  // also after the last good finish, where the window ends
      if (record.finish_s < window.start_s) continue;
      ++sum.failed;
      ++sum.errors[record.error];
    } else if (within(window, record.finish_s)) {
      add_finished(record, sum, samples);
    }
  }
  const double length_s = window.length_s();
  const auto rate = [length_s](std::uint64_t count) {
    return length_s > 0 ? static_cast<double>(count) / length_s : 0;
  };
  sum.actual_qps = rate(sum.launched + sum.in_flight);
  sum.processing_speed = rate(sum.finished);
  sum.input_tokens_per_s = rate(sum.prompt_tokens);
  sum.output_tokens_per_s = rate(sum.generation_tokens);
  sum.mean_generation_speed = spread_of(std::move(samples.speeds)).mean;
  sum.ttft_s = spread_of(std::move(samples.ttft));
  sum.ttft_with_cut_s = spread_of(std::move(samples.waits));
  sum.gap_s = spread_of(std::move(samples.gaps));
  sum.end_to_end_s = spread_of(std::move(samples.end_to_end));
  return sum;
}

std::optional<double> steady_rate(std::span<const RequestRecord> records, std::size_t skip) {
  std::vector<double> finishes;
  for (const RequestRecord& record : records) {
    if (record.finished()) finishes.push_back(record.finish_s);
  }
  std::ranges::sort(finishes);
  if (skip == 0 || finishes.size() < 2 * skip) return std::nullopt;
  const double length_s = finishes.back() - finishes[skip - 1];
  if (!(length_s > 0)) return std::nullopt;
  return static_cast<double>(finishes.size() - skip) / length_s;
}

std::string to_text(const QaSummary& sum) {
  const auto row = [](const char* name, const std::string& value, const char* unit) {
    return format("  %-28s %12s%s%s\n", name, value.c_str(), *unit == '\0' ? "" : " ", unit);
  };
  std::string out = "Summary\n";
  out += row("Configured QPS", format("%.4f", sum.configured_qps), "requests/s");
  out += row("Actual QPS", format("%.4f", sum.actual_qps), "requests/s");
  out += row("Processing speed", format("%.4f", sum.processing_speed), "requests/s");
  out += row("Requests finished", std::to_string(sum.finished), "");
  out += row("Requests in flight", std::to_string(sum.in_flight), "");
  out += row("Requests failed", std::to_string(sum.failed), "");
  out += row("Input tokens", format("%.4f", sum.input_tokens_per_s), "tokens/s");
  out += row("Output tokens", format("%.4f", sum.output_tokens_per_s), "tokens/s");
  out += row("All tokens", format("%.4f", sum.total_tokens_per_s()), "tokens/s");
  out += row("Mean generation speed", number(sum.mean_generation_speed, "%.4f"), "tokens/s per request");
  out += spread_line("Time to first token", sum.ttft_s);
  if (sum.in_flight > 0 && sum.ttft_with_cut_s.mean)
    out += spread_line("  at least, with those cut", sum.ttft_with_cut_s);
  out += spread_line("Between pieces of text", sum.gap_s);
  out += spread_line("End to end", sum.end_to_end_s);
  if (sum.cached_tokens) {
    const double share = sum.prompt_tokens == 0
                             ? 0
                             : 100 * static_cast<double>(*sum.cached_tokens) / static_cast<double>(sum.prompt_tokens);
    out += row("Cached prompt tokens", std::to_string(*sum.cached_tokens),
               format("of %llu (%.1f %%)", static_cast<unsigned long long>(sum.prompt_tokens), share).c_str());
    for (const auto& [tier, tokens] : sum.cached_by_tier) {
      out += row(("  from " + tier).c_str(), std::to_string(tokens), "tokens");
    }
  }
  out +=
      format("  %-28s %.3f - %.3f (%.2f s)\n", "Window", sum.window.start_s, sum.window.end_s, sum.window.length_s());
  std::size_t shown = 0;
  for (const auto& [reason, count] : sum.errors) {
    if (++shown > kReasonsShown) return out + "  failed: more reasons stand in the rows\n";
    out += "  failed: " + std::to_string(count) + " x " + reason + "\n";
  }
  return out;
}

std::string to_line(const QaSummary& sum) {
  return format(
      "%.0f s: offered %.2f/s, served %.2f/s, in flight %llu, failed %llu, in %.0f tok/s, out %.1f tok/s, "
      "TTFT mean %s s, generation %s tok/s",
      sum.window.length_s(), sum.actual_qps, sum.processing_speed, static_cast<unsigned long long>(sum.in_flight),
      static_cast<unsigned long long>(sum.failed), sum.input_tokens_per_s, sum.output_tokens_per_s,
      number(sum.ttft_s.mean, "%.3f").c_str(), number(sum.mean_generation_speed, "%.1f").c_str());
}

}  // namespace cairn
