#include "bench/scenario_report.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/qa_report.h"
#include "bench/scale.h"

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kNameWidthMax = 28;

// Columns of a terminal: one a character, near enough for names.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string first_columns(const std::string& text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    if ((text[at] & 0xC0) != 0x80 && seen++ == columns) break;
  }
  return text.substr(0, at);
}

std::string left(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, columns_of(text)), ' ');
}
std::string right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, columns_of(text)), ' ') + text;
}

// A name too long loses its middle: its ends tell it from the others.
std::string name_cell(const ScenarioResults& results, const std::string& name) {
  std::size_t width = 8;
  for (const std::string& each : scenario_names(results)) width = std::max(width, columns_of(printable(each)));
  width = std::min(width, kNameWidthMax);
  const std::string shown = printable(name);
  const std::size_t columns = columns_of(shown);
  if (columns <= width) return left(shown, width);
  const std::size_t tail = width / 2 - 1, head = width - tail - 1;
  return first_columns(shown, head) + "…" + shown.substr(first_columns(shown, columns - tail).size());
}

std::string key_cells(const ScenarioResults& results, const ScenarioCell& cell) {
  return right(thousands(cell.context_words), 7) + "  " + name_cell(results, cell.scenario);
}
std::string key_header(const ScenarioResults& results) {
  return right("words", 7) + "  " + name_cell(results, "scenario");
}

std::string notes(const ScenarioCell& cell) {
  std::string out = cell.repeat > 0 ? "repeat " + thousands(std::uint64_t{cell.repeat} + 1) : "";
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0) out += (out.empty() ? "" : ", ") + thousands(count) + " " + what;
  };
  add(cell.summary.failed, "failed");
  add(cell.unfinished, "unfinished");
  add(cell.cold_sessions, "cold");
  return out;
}

std::string cells(std::initializer_list<std::string> texts, std::size_t width) {
  std::string out;
  for (const std::string& text : texts) out += " " + right(text, width);
  return out;
}

std::string spread_cells(const Spread& spread) {
  return cells(
      {short_number(spread.mean), short_number(spread.p50), short_number(spread.p90), short_number(spread.p99)}, 7);
}

std::string percentile_table(const ScenarioResults& results) {
  std::string out = "\nSeconds: mean, p50, p90, p99; TTFT of a request that was cut before it: what it had waited\n" +
                    key_header(results) + left("  time to first token", 34) + left("  between pieces of text", 34) +
                    "  end to end\n";
  for (const ScenarioCell& cell : results.cells) {
    if (!cell.failure.empty()) continue;
    out += key_cells(results, cell) + spread_cells(cell.summary.ttft_with_cut_s) + "  " +
           spread_cells(cell.summary.gap_s) + "  " + spread_cells(cell.summary.end_to_end_s) + "\n";
  }
  return out;
}

std::string request_table(const ScenarioResults& results) {
  std::string out =
      "\nRequests of each cell; input and output in tokens/s\n" + key_header(results) +
      cells({"planned/s", "launched", "finished", "failed", "cut", "cold", "input", "output", "cell s"}, 9) + "\n";
  for (const ScenarioCell& cell : results.cells) {
    const QaSummary& sum = cell.summary;
    out += key_cells(results, cell) +
           cells({short_number(sum.configured_qps), thousands(sum.launched), thousands(sum.finished),
                  thousands(sum.failed), thousands(cell.unfinished), thousands(cell.cold_sessions),
                  short_number(sum.input_tokens_per_s), short_number(sum.output_tokens_per_s),
                  short_number(cell.elapsed_s)},
                 9) +
           "\n";
    for (const auto& [reason, count] : sum.errors) {
      out += "           failed: " + thousands(count) + " x " + printable(reason) + "\n";
    }
  }
  return out;
}

std::string source_table(const ScenarioResults& results) {
  const std::vector<std::string> sources = token_sources(results);
  std::string out = "\nTokens: of finished requests by their usage, and all prompt tokens by where they came from\n";
  out += key_header(results) + cells({"prompt", "cached", "answer"}, 9);
  for (const std::string& source : sources) out += " " + right(printable(source), 18);
  out += "\n";
  for (const ScenarioCell& cell : results.cells) {
    const QaSummary& sum = cell.summary;
    out += key_cells(results, cell) +
           cells({thousands(sum.prompt_tokens), sum.cached_tokens ? thousands(*sum.cached_tokens) : "–",
                  thousands(sum.generation_tokens)},
                 9);
    const std::vector<double> shares = source_shares(cell, sources);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      const auto found = cell.tokens_by_source.find(sources[i]);
      const std::uint64_t tokens = found == cell.tokens_by_source.end() ? 0 : found->second;
      out += " " + right(thousands(tokens) + right(share_text(shares[i]), 8), 18);
    }
    out += "\n";
  }
  return out;
}

std::string downside_table(const ScenarioResults& results, std::span<const ScenarioPair> pairs) {
  const std::vector<ScenarioComparison> all = find_downsides(results, pairs);
  if (all.empty()) return "";
  std::string out = "\nWhat adding a store costs: speed at least 0.97 ×, mean TTFT at most 1.05 ×\n";
  for (const ScenarioComparison& one : all) {
    out += right(thousands(one.context_words), 7) + "  " + name_cell(results, one.with) + " against " +
           name_cell(results, one.without) + " speed" + right(ratio_text(one.ratios.speed), 8) + "  TTFT" +
           right(ratio_text(one.ratios.ttft), 8);
    out += one.downside() == Downside::kNone    ? "  no downside\n"
           : one.downside() == Downside::kFound ? "  A DOWNSIDE\n"
                                                : "  not measured\n";
  }
  return out;
}

std::string answer_lines(const ScenarioResults& results) {
  if (!results.answers_equal) return "\nAnswers: no two scenarios had one to the same question\n";
  if (*results.answers_equal) {
    return "\nAnswers: equal in all scenarios, " + thousands(results.answers_compared) + " compared\n";
  }
  std::string out = "\nANSWERS DIFFER, " + thousands(results.answers_compared) + " compared:\n";
  for (const std::string& line : results.differing) out += "  " + printable(line) + "\n";
  return out;
}

// Shortest text that reads back to the same number.
std::string exact(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return "";
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, *value);
  return {text, end.ptr};
}

std::string quoted(const std::string& raw) {
  std::string text = printable(raw);
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

using CsvColumns = std::vector<std::pair<std::string, std::string>>;

void add_spread(CsvColumns& columns, const std::string& name, const Spread& spread) {
  columns.emplace_back(name + "_mean_s", exact(spread.mean));
  columns.emplace_back(name + "_p50_s", exact(spread.p50));
  columns.emplace_back(name + "_p90_s", exact(spread.p90));
  columns.emplace_back(name + "_p99_s", exact(spread.p99));
}

std::string error_text(const QaSummary& sum) {
  std::string out;
  for (const auto& [reason, count] : sum.errors)
    out += (out.empty() ? "" : "; ") + std::to_string(count) + " x " + reason;
  return out;
}

CsvColumns csv_columns(const ScenarioResults& results, const ScenarioCell& cell) {
  const QaSummary& sum = cell.summary;
  const ScenarioRatios ratios = ratios_to_first(results, cell);
  const auto tokens = results.context_tokens.find(cell.context_words);
  CsvColumns out = {{"scenario", cell.scenario},
                    {"context_words", std::to_string(cell.context_words)},
                    {"context_tokens", tokens == results.context_tokens.end() ? "" : std::to_string(tokens->second)},
                    {"repeat", std::to_string(cell.repeat)},
                    {"failure", cell.failure},
                    {"configured_qps", exact(sum.configured_qps)},
                    {"actual_qps", exact(sum.actual_qps)},
                    {"processing_speed", exact(sum.processing_speed)},
                    {"speed_ratio", exact(ratios.speed)},
                    {"generation_speed", exact(sum.mean_generation_speed)},
                    {"generation_ratio", exact(ratios.decode)}};
  add_spread(out, "ttft", sum.ttft_with_cut_s);
  out.emplace_back("ttft_ratio", exact(ratios.ttft));
  add_spread(out, "itl", sum.gap_s);
  add_spread(out, "end_to_end", sum.end_to_end_s);
  const auto count = [&out](const char* name, std::uint64_t value) { out.emplace_back(name, std::to_string(value)); };
  count("launched", sum.launched);
  count("finished", sum.finished);
  count("failed", sum.failed);
  count("in_flight", sum.in_flight);
  count("unfinished", cell.unfinished);
  count("cold_sessions", cell.cold_sessions);
  out.emplace_back("input_tokens_per_s", exact(sum.input_tokens_per_s));
  out.emplace_back("output_tokens_per_s", exact(sum.output_tokens_per_s));
  out.emplace_back("total_tokens_per_s", exact(sum.total_tokens_per_s()));
  count("prompt_tokens", sum.prompt_tokens);
  count("generation_tokens", sum.generation_tokens);
  out.emplace_back("cached_tokens", sum.cached_tokens ? std::to_string(*sum.cached_tokens) : "");
  for (const std::string& source : token_sources(results)) {
    const auto found = cell.tokens_by_source.find(source);
    out.emplace_back("tokens_" + source, found == cell.tokens_by_source.end() ? "" : std::to_string(found->second));
  }
  out.emplace_back("window_s", exact(sum.window.length_s()));
  out.emplace_back("elapsed_s", exact(cell.elapsed_s));
  out.emplace_back("errors", error_text(sum));
  return out;
}

Json json_of(const std::optional<double>& value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }

Json json_of(const ScenarioRatios& ratios) {
  return {{"speed", json_of(ratios.speed)}, {"ttft", json_of(ratios.ttft)}, {"decode", json_of(ratios.decode)}};
}

Json json_of(const ScenarioResults& results, const ScenarioCell& cell) {
  Json out = {{"scenario", cell.scenario}, {"context_words", cell.context_words}, {"repeat", cell.repeat}};
  out["failure"] = cell.failure.empty() ? Json() : Json(cell.failure);
  out["unfinished"] = cell.unfinished;
  out["cold_sessions"] = cell.cold_sessions;
  out["elapsed_s"] = json_of(cell.elapsed_s);
  out["tokens_by_source"] = Json(cell.tokens_by_source);
  out["ratios_to_first"] = json_of(ratios_to_first(results, cell));
  out["summary"] = Json::parse(to_json(cell.summary));
  return out;
}

}  // namespace

std::string scenario_header(const ScenarioResults& results) {
  return key_header(results) + cells({"offered/s", "served/s"}, 9) +
         cells({"", "TTFT s", "", "p99 s", "tok/s", "", "cached"}, 7) + "\n";
}

std::string scenario_row(const ScenarioResults& results, const ScenarioCell& cell) {
  std::string out = key_cells(results, cell);
  if (!cell.failure.empty()) return out + "  failed: " + printable(cell.failure) + "\n";
  const QaSummary& sum = cell.summary;
  const ScenarioRatios ratios = ratios_to_first(results, cell);
  const auto ratio = [](const std::optional<double>& value, std::string (*text)(std::optional<double>)) {
    return value ? text(value) : std::string();
  };
  const std::vector<double> computed = source_shares(cell, {"computed"});
  out += cells({short_number(sum.actual_qps), short_number(sum.processing_speed)}, 9);
  out += cells(
      {ratio(ratios.speed, ratio_text), short_number(sum.ttft_with_cut_s.mean), ratio(ratios.ttft, change_text),
       short_number(sum.ttft_with_cut_s.p99), short_number(sum.mean_generation_speed), ratio(ratios.decode, ratio_text),
       computed.empty() ? "–" : std::to_string(std::lround(100 * (1 - computed.front()))) + " %"},
      7);
  const std::string extra = notes(cell);
  return out + (extra.empty() ? "" : "  " + extra) + "\n";
}

std::string to_text(const ScenarioResults& results, std::span<const ScenarioPair> pairs) {
  std::string out = printable(headline(results)) + "\n";
  if (const std::string rest = other_side(results); !rest.empty()) out += printable(rest) + "\n";
  out += "\n" + printable(results.title) + (results.title.empty() ? "" : ", ") + printable(results.started_at) + "\n";
  if (results.interrupted) out += "Interrupted. ";
  if (!results.ended_by.empty()) out += "Ended early: " + printable(results.ended_by) + ". ";
  if (results.cells.size() < results.cells_planned) {
    out += thousands(results.cells.size()) + " of " + thousands(results.cells_planned) + " cells ran.\n";
  }
  for (const auto& [name, value] : results.facts)
    out += "  " + left(printable(name), 24) + " " + printable(value) + "\n";
  out += "\n" + scenario_header(results);
  for (const ScenarioCell& cell : results.cells) out += scenario_row(results, cell);
  out += percentile_table(results) + request_table(results) + source_table(results);
  return out + downside_table(results, pairs) + answer_lines(results);
}

std::string to_csv(const ScenarioResults& results) {
  std::string out;
  const auto line = [&out](const std::vector<std::string>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) out += (i == 0 ? "" : ",") + quoted(values[i]);
    out += "\n";
  };
  std::vector<std::string> names, values;
  for (const auto& column : csv_columns(results, {})) names.push_back(column.first);
  line(names);
  for (const ScenarioCell& cell : results.cells) {
    values.clear();
    for (const auto& column : csv_columns(results, cell)) values.push_back(column.second);
    line(values);
  }
  return out;
}

std::string to_json(const ScenarioResults& results, std::span<const ScenarioPair> pairs) {
  Json out = {{"title", results.title}, {"started_at", results.started_at}, {"interrupted", results.interrupted}};
  out["headline"] = headline(results);
  out["other_side"] = other_side(results);
  out["facts"] = Json::array();
  for (const auto& [name, value] : results.facts) out["facts"].push_back({{"name", name}, {"value", value}});
  out["scenarios"] = scenario_names(results);
  out["contexts"] = Json::array();
  for (const std::uint32_t words : context_lengths(results)) {
    const auto tokens = results.context_tokens.find(words);
    out["contexts"].push_back(
        {{"words", words}, {"tokens", tokens == results.context_tokens.end() ? Json() : Json(tokens->second)}});
  }
  out["cells"] = Json::array();
  for (const ScenarioCell& cell : results.cells) out["cells"].push_back(json_of(results, cell));
  out["downsides"] = Json::array();
  for (const ScenarioComparison& one : find_downsides(results, pairs)) {
    const Json found = one.downside() == Downside::kUnknown ? Json() : Json(one.downside() == Downside::kFound);
    out["downsides"].push_back({{"without", one.without},
                                {"with", one.with},
                                {"context_words", one.context_words},
                                {"ratios", json_of(one.ratios)},
                                {"downside", found}});
  }
  out["answers"] = {{"equal", results.answers_equal ? Json(*results.answers_equal) : Json()},
                    {"compared", results.answers_compared},
                    {"differing", results.differing}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cairn
