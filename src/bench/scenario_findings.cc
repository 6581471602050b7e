#include "bench/scenario_findings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bench/scale.h"

namespace cairn {
namespace {

constexpr double kNoise = 0.03;  // a smaller difference is none in words

std::optional<double> finite(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<double> ratio(const std::optional<double>& with, const std::optional<double>& without) {
  return with && without && *without > 0 ? finite(*with / *without) : std::nullopt;
}

std::string fixed(const char* pattern, double value) {
  char text[48];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string at_words(std::uint32_t words) { return " at " + thousands(words) + " words"; }

// "2.9 × the speed", "4 % less speed", "the same speed".
std::string speed_words(double speed) {
  if (speed >= 1.1) return fixed(speed < 9.95 ? "%.1f" : "%.0f", speed) + " × the speed";
  const double percent = std::round(100 * std::fabs(speed - 1));
  if (percent < 1) return "the same speed";
  return fixed("%.0f", percent) + (speed > 1 ? " % more speed" : " % less speed");
}

// "94 % lower TTFT", "99.4 % lower TTFT", "3.1 × the TTFT", "the same TTFT".
std::string ttft_words(double ttft) {
  if (ttft >= 2) return fixed(ttft < 9.95 ? "%.1f" : "%.0f", ttft) + " × the TTFT";
  const double percent = 100 * std::fabs(ttft - 1);
  if (percent < 0.5) return "the same TTFT";
  return fixed(ttft < 0.015 ? "%.1f" : "%.0f", percent) + (ttft > 1 ? " % higher TTFT" : " % lower TTFT");
}

std::string gains(const ScenarioRatios& ratios) {
  std::string out;
  if (ratios.speed) out = speed_words(*ratios.speed);
  if (ratios.ttft) out += (out.empty() ? "" : " and ") + ttft_words(*ratios.ttft);
  return out;
}

std::vector<ScenarioComparison> against_first(const ScenarioResults& results) {
  const std::vector<std::string> names = scenario_names(results);
  std::vector<ScenarioPair> pairs;
  for (std::size_t i = 1; i < names.size(); ++i) pairs.emplace_back(names.front(), names[i]);
  std::vector<ScenarioComparison> all = find_downsides(results, pairs);
  std::erase_if(all, [](const ScenarioComparison& one) { return !one.ratios.speed && !one.ratios.ttft; });
  return all;
}

double cost(const ScenarioComparison& one) {  // 0: none; in shares of what is allowed to cost nothing
  return std::max({0.0, 1 - one.ratios.speed.value_or(1), (one.ratios.ttft.value_or(1) - 1) * 0.6});
}

std::string alone(const ScenarioResults& results) {
  const std::vector<std::uint32_t> contexts = context_lengths(results);
  for (auto words = contexts.rbegin(); words != contexts.rend(); ++words) {
    for (const std::string& name : scenario_names(results)) {
      const ScenarioPoint point = point_of(results, name, *words);
      if (point.cells == 0) continue;
      return name + " serves " + short_number(point.speed) + " requests/s" +
             (point.ttft_s ? " with a mean TTFT of " + short_number(point.ttft_s) + " s" : "") + at_words(*words);
    }
  }
  return "No cell ran to its end";
}

}  // namespace

std::vector<std::string> scenario_names(const ScenarioResults& results) {
  std::vector<std::string> names = results.scenarios;
  for (const ScenarioCell& cell : results.cells) {
    if (std::ranges::find(names, cell.scenario) == names.end()) names.push_back(cell.scenario);
  }
  return names;
}

std::vector<std::uint32_t> context_lengths(const ScenarioResults& results) {
  std::vector<std::uint32_t> contexts = results.contexts;
  for (const ScenarioCell& cell : results.cells) contexts.push_back(cell.context_words);
  std::ranges::sort(contexts);
  contexts.erase(std::unique(contexts.begin(), contexts.end()), contexts.end());
  return contexts;
}

std::uint64_t repeats_of(const ScenarioResults& results) {
  std::uint64_t most = 1;
  for (const ScenarioCell& cell : results.cells) most = std::max<std::uint64_t>(most, std::uint64_t{cell.repeat} + 1);
  return most;
}

std::vector<std::string> token_sources(const ScenarioResults& results) {
  std::vector<std::string> sources;
  for (const ScenarioCell& cell : results.cells) {
    for (const auto& [source, tokens] : cell.tokens_by_source) {
      if (std::ranges::find(sources, source) == sources.end()) sources.push_back(source);
    }
  }
  const auto place = [](const std::string& name) {
    return std::pair(name == "device" ? 0 : name == "ram" ? 1 : name == "computed" ? 3 : 2, name);
  };
  std::ranges::sort(sources, {}, place);
  return sources;
}

std::vector<double> source_shares(const ScenarioCell& cell, const std::vector<std::string>& sources) {
  double sum = 0;
  for (const auto& [source, tokens] : cell.tokens_by_source) sum += static_cast<double>(tokens);
  std::vector<double> shares;
  if (!(sum > 0)) return shares;
  for (const std::string& source : sources) {
    const auto found = cell.tokens_by_source.find(source);
    shares.push_back(found == cell.tokens_by_source.end() ? 0 : static_cast<double>(found->second) / sum);
  }
  return shares;
}

std::vector<double> source_shares(const ScenarioResults& results, const std::string& scenario,
                                  std::uint32_t context_words, const std::vector<std::string>& sources) {
  ScenarioCell sum;
  for (const ScenarioCell& cell : results.cells) {
    if (cell.scenario != scenario || cell.context_words != context_words || !cell.failure.empty()) continue;
    for (const auto& [source, tokens] : cell.tokens_by_source) sum.tokens_by_source[source] += tokens;
  }
  return source_shares(sum, sources);
}

ScenarioPoint point_of(const ScenarioCell& cell) {
  if (!cell.failure.empty()) return {};
  return {1, finite(cell.summary.processing_speed), finite(cell.summary.ttft_with_cut_s.mean),
          finite(cell.summary.mean_generation_speed)};
}

ScenarioPoint point_of(const ScenarioResults& results, const std::string& scenario, std::uint32_t context_words) {
  std::vector<double> speeds, ttfts, decodes;
  std::size_t cells = 0;
  for (const ScenarioCell& cell : results.cells) {
    if (cell.scenario != scenario || cell.context_words != context_words) continue;
    const ScenarioPoint point = point_of(cell);
    cells += point.cells;
    if (point.speed) speeds.push_back(*point.speed);
    if (point.ttft_s) ttfts.push_back(*point.ttft_s);
    if (point.decode) decodes.push_back(*point.decode);
  }
  return {cells, spread_of(std::move(speeds)).p50, spread_of(std::move(ttfts)).p50, spread_of(std::move(decodes)).p50};
}

const ScenarioCell* find_cell(const ScenarioResults& results, const std::string& scenario, std::uint32_t context_words,
                              std::uint32_t repeat) {
  for (const ScenarioCell& cell : results.cells) {
    if (cell.scenario == scenario && cell.context_words == context_words && cell.repeat == repeat) return &cell;
  }
  return nullptr;
}

ScenarioRatios ratios_of(const ScenarioPoint& with, const ScenarioPoint& without) {
  return {ratio(with.speed, without.speed), ratio(with.ttft_s, without.ttft_s), ratio(with.decode, without.decode)};
}

ScenarioRatios ratios_to_first(const ScenarioResults& results, const ScenarioCell& cell) {
  const std::vector<std::string> names = scenario_names(results);
  if (names.empty() || names.front() == cell.scenario) return {};
  const ScenarioCell* first = find_cell(results, names.front(), cell.context_words, cell.repeat);
  return first == nullptr ? ScenarioRatios() : ratios_of(point_of(cell), point_of(*first));
}

Downside ScenarioComparison::downside() const {
  if ((ratios.speed && *ratios.speed < kSpeedRatioMin) || (ratios.ttft && *ratios.ttft > kTtftRatioMax)) {
    return Downside::kFound;
  }
  return ratios.speed && ratios.ttft ? Downside::kNone : Downside::kUnknown;
}

std::vector<ScenarioComparison> find_downsides(const ScenarioResults& results, std::span<const ScenarioPair> pairs) {
  std::vector<ScenarioComparison> out;
  for (const auto& [without, with] : pairs) {
    for (const std::uint32_t words : context_lengths(results)) {
      out.push_back(
          {without, with, words, ratios_of(point_of(results, with, words), point_of(results, without, words))});
    }
  }
  return out;
}

std::optional<ScenarioComparison> best_point(const ScenarioResults& results) {
  const std::vector<ScenarioComparison> all = against_first(results);
  if (all.empty()) return std::nullopt;
  const auto speed = [](const ScenarioComparison& one) { return one.ratios.speed.value_or(0); };
  const auto ttft = [](const ScenarioComparison& one) { return one.ratios.ttft.value_or(HUGE_VAL); };
  const auto fastest = std::ranges::max_element(all, {}, speed);
  return speed(*fastest) >= 1 + kNoise ? *fastest : *std::ranges::min_element(all, {}, ttft);
}

std::string headline(const ScenarioResults& results) {
  if (results.answers_equal == false) return "Answers differ between scenarios: the figures below cannot be compared";
  const std::optional<ScenarioComparison> best = best_point(results);
  if (!best) return alone(results);
  const ScenarioRatios& ratios = best->ratios;
  const bool gain = ratios.speed.value_or(0) >= 1 + kNoise || ratios.ttft.value_or(1) <= 1 - kNoise;
  const std::string what = gains(ratios) + " than " + best->without + at_words(best->context_words);
  if (gain) return best->with + ": " + what;
  return "Nothing is gained over " + best->without + ": at best " + gains(ratios) + ", with " + best->with +
         at_words(best->context_words);
}

std::string other_side(const ScenarioResults& results) {
  const std::vector<ScenarioComparison> all = against_first(results);
  if (all.empty()) return "";
  const auto worst = std::ranges::max_element(all, {}, cost);
  if (worst->downside() != Downside::kFound) {
    const bool whole = std::ranges::none_of(all, [](const auto& one) { return one.downside() == Downside::kUnknown; });
    return whole ? "At no point measured does a scenario cost more than 3 % of the speed or 5 % of the TTFT of " +
                       worst->without + "."
                 : "No cost found against " + worst->without + ", but not every point has figures.";
  }
  const bool slower = worst->ratios.speed && *worst->ratios.speed < kSpeedRatioMin;
  std::string costs = slower ? fixed("%.0f", 100 * (1 - *worst->ratios.speed)) + " % of the speed" : "";
  if (worst->ratios.ttft && *worst->ratios.ttft > kTtftRatioMax) {
    costs += (slower ? " and " : "") + fixed("%.0f", 100 * (*worst->ratios.ttft - 1)) + " % more TTFT";
  }
  return "At its worst, " + worst->with + " costs " + costs + " against " + worst->without +
         at_words(worst->context_words) + ".";
}

std::string ratio_text(std::optional<double> ratio) {
  return ratio && std::isfinite(*ratio) ? fixed(*ratio < 99.5 ? "%.2f" : "%.0f", *ratio) + " ×" : "–";
}

std::string change_text(std::optional<double> ratio) {
  if (!ratio || !std::isfinite(*ratio)) return "–";
  const double percent = 100 * (*ratio - 1);
  if (std::fabs(percent) < 0.5) return "±0 %";
  return (percent < 0 ? "−" : "+") + fixed(*ratio < 0.015 ? "%.1f" : "%.0f", std::fabs(percent)) + " %";
}

std::string share_text(double share) { return std::isfinite(share) ? fixed("%.1f", 100 * share) + " %" : "–"; }

}  // namespace cairn
