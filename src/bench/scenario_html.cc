#include "bench/scenario_html.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <vector>

#include "bench/chart.h"
#include "bench/scale.h"
#include "bench/scenario_charts.h"
#include "bench/scenario_style.h"

namespace cairn {
namespace {

// What all parts of the page ask for again and again.
struct Page {
  const ScenarioResults& results;
  std::vector<std::string> names;
  std::vector<std::uint32_t> contexts;
  std::vector<std::string> sources;

  std::size_t index_of(const std::string& scenario) const {
    return static_cast<std::size_t>(std::ranges::find(names, scenario) - names.begin());
  }
};

std::string cell(const std::string& text, const char* classes = "") {
  return std::string("<td") + (*classes == '\0' ? "" : " class=\"" + std::string(classes) + "\"") + ">" + markup(text) +
         "</td>";
}
std::string cell(std::optional<double> value, const char* classes = "") { return cell(short_number(value), classes); }

std::string head(const std::vector<std::string>& columns) {
  std::string out = "<tr>";
  for (const std::string& column : columns) out += "<th scope=\"col\">" + markup(column) + "</th>";
  return out + "</tr>\n";
}

// Three columns of figures over each of which one name stands.
std::string span_head(const std::vector<std::pair<std::string, int>>& names) {
  std::string out = "<tr>";
  for (const auto& [name, columns] : names) {
    out += name.empty()
               ? "<td></td>"
               : "<th scope=\"colgroup\" colspan=\"" + std::to_string(columns) + "\">" + markup(name) + "</th>";
  }
  return out + "</tr>\n";
}

std::string table(const std::string& title, const std::string& note, const std::string& header,
                  const std::string& bodies) {
  return "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"" + markup(title) +
         "\"><table>\n<caption><div><strong>" + markup(title) + "</strong>" + markup(note) +
         "</div></caption>\n<thead>" + header + "</thead>\n" + bodies + "</table></div>\n";
}

std::string row_head(const Page& page, const std::string& scenario, const std::string& suffix = "") {
  return "<th scope=\"row\">" + series_swatch(page.index_of(scenario)) + markup(scenario + suffix) + "</th>";
}

// One <tbody> a context, one row each of what `row` makes; contexts without rows are left out.
std::string bodies(const Page& page, std::size_t columns, const std::function<std::string(std::uint32_t)>& rows) {
  std::string out;
  for (const std::uint32_t words : page.contexts) {
    const std::string inside = rows(words);
    if (inside.empty()) continue;
    const auto tokens = page.results.context_tokens.find(words);
    out += "<tbody>\n<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"" + std::to_string(columns) + "\">" +
           thousands(words) + " words" +
           (tokens == page.results.context_tokens.end()
                ? ""
                : "<span>≈ " + thousands(tokens->second) + " prompt tokens</span>") +
           "</th></tr>\n" + inside + "</tbody>\n";
  }
  return out;
}

std::string cell_rows(const Page& page, std::uint32_t words,
                      const std::function<std::string(const ScenarioCell&)>& figures) {
  std::string out;
  for (const std::string& name : page.names) {
    for (const ScenarioCell& each : page.results.cells) {
      if (each.scenario != name || each.context_words != words) continue;
      const std::string inside = figures(each);
      const std::string suffix = repeats_of(page.results) > 1 ? ", repeat " + std::to_string(each.repeat + 1) : "";
      if (!inside.empty()) out += "<tr>" + row_head(page, name, suffix) + inside + "</tr>\n";
    }
  }
  return out;
}

std::string result_row(const Page& page, const std::string& name, std::uint32_t words) {
  const ScenarioPoint point = point_of(page.results, name, words);
  std::string out = "<tr>" + row_head(page, name);
  if (point.cells == 0) {
    const ScenarioCell* failed = nullptr;
    for (const ScenarioCell& each : page.results.cells) {
      if (each.scenario == name && each.context_words == words) failed = &each;
    }
    const std::string why = failed == nullptr ? "did not run" : "failed: " + failed->failure;
    return out + "<td colspan=\"6\" class=\"text " + (failed == nullptr ? "rel" : "bad") + "\">" + markup(why) +
           "</td></tr>\n";
  }
  ScenarioRatios ratios;
  if (name != page.names.front()) ratios = ratios_of(point, point_of(page.results, page.names.front(), words));
  const auto beside = [&](const std::optional<double>& ratio, bool worse, std::string (*text)(std::optional<double>)) {
    return cell(ratio ? text(ratio) : "", worse ? "bad ratio" : "rel ratio");
  };
  out += cell(point.speed, "lead") + beside(ratios.speed, ratios.speed.value_or(1) < kSpeedRatioMin, ratio_text);
  out += cell(point.ttft_s, "lead") + beside(ratios.ttft, ratios.ttft.value_or(1) > kTtftRatioMax, change_text);
  out += cell(point.decode, "lead") + beside(ratios.decode, ratios.decode.value_or(1) < kSpeedRatioMin, ratio_text);
  return out + "</tr>\n";
}

std::string result_table(const Page& page) {
  if (page.names.empty()) return "";
  const std::uint64_t repeats = repeats_of(page.results);
  const std::string note = "Ratio and change: against " + page.names.front() + " at the same context." +
                           (repeats > 1 ? " Medians of up to " + thousands(repeats) + " repeats." : "");
  return table("What each scenario reached", note,
               head({"Scenario", "Speed, requests/s", "ratio", "Mean TTFT, s", "change", "Decode, tokens/s", "ratio"}),
               bodies(page, 7, [&](std::uint32_t words) {
                 std::string rows;
                 for (const std::string& name : page.names) rows += result_row(page, name, words);
                 return rows;
               }));
}

std::string spread_cells(const Spread& spread) {
  return cell(spread.mean, "lead") + cell(spread.p50) + cell(spread.p90) + cell(spread.p99);
}

std::string percentile_table(const Page& page) {
  std::vector<std::string> columns = {"Scenario"};
  for (int i = 0; i < 3; ++i) columns.insert(columns.end(), {"mean", "p50", "p90", "p99"});
  return table("Latency, in seconds", "Over the requests that finished in a cell's window.",
               span_head({{"", 1}, {"Time to first token", 4}, {"Between pieces of text", 4}, {"End to end", 4}}) +
                   head(columns),
               bodies(page, columns.size(), [&](std::uint32_t words) {
                 return cell_rows(page, words, [](const ScenarioCell& each) {
                   if (!each.failure.empty()) return std::string();
                   const QaSummary& sum = each.summary;
                   return spread_cells(sum.ttft_with_cut_s) + spread_cells(sum.gap_s) + spread_cells(sum.end_to_end_s);
                 });
               }));
}

std::string request_table(const Page& page) {
  const std::vector<std::string> columns = {
      "Scenario",   "Planned, 1/s",  "Offered, 1/s",    "Served, 1/s",      "Launched",      "Finished", "Failed",
      "Unfinished", "Cold sessions", "Input, tokens/s", "Output, tokens/s", "All, tokens/s", "Cell, s"};
  const auto bad = [](std::uint64_t count) { return cell(thousands(count), count > 0 ? "bad" : ""); };
  return table(
      "Requests",
      "Unfinished: cut at the end of a cell. Cold: sessions that joined later, whose context nobody had computed.",
      head(columns), bodies(page, columns.size(), [&](std::uint32_t words) {
        return cell_rows(page, words, [&](const ScenarioCell& each) {
          const QaSummary& sum = each.summary;
          return cell(sum.configured_qps) + cell(sum.actual_qps) + cell(sum.processing_speed) +
                 cell(thousands(sum.launched)) + cell(thousands(sum.finished)) + bad(sum.failed) +
                 cell(thousands(each.unfinished)) + cell(thousands(each.cold_sessions)) + cell(sum.input_tokens_per_s) +
                 cell(sum.output_tokens_per_s) + cell(sum.total_tokens_per_s()) + cell(each.elapsed_s);
        });
      }));
}

std::string source_cells(const Page& page, const ScenarioCell& each) {
  const QaSummary& sum = each.summary;
  std::string out = cell(thousands(sum.prompt_tokens)) + cell(sum.cached_tokens ? thousands(*sum.cached_tokens) : "–") +
                    cell(thousands(sum.generation_tokens));
  const std::vector<double> shares = source_shares(each, page.sources);
  for (std::size_t i = 0; i < page.sources.size(); ++i) {
    const auto found = each.tokens_by_source.find(page.sources[i]);
    out += cell(thousands(found == each.tokens_by_source.end() ? 0 : found->second));
    out += cell(shares.empty() ? "–" : share_text(shares[i]), "rel ratio");
  }
  return out;
}

std::string source_table(const Page& page) {
  std::vector<std::string> columns = {"Scenario", "Prompt", "Cached", "Answer"};
  for (const std::string& source : page.sources) columns.insert(columns.end(), {source, "share"});
  return table("Tokens",
               "Prompt, cached and answer: of finished requests, by their usage. Then all prompt tokens by where they "
               "came from, "
               "by the instances' own count.",
               head(columns), bodies(page, columns.size(), [&](std::uint32_t words) {
                 return cell_rows(page, words, [&](const ScenarioCell& each) { return source_cells(page, each); });
               }));
}

std::string downside_table(const Page& page, std::span<const ScenarioPair> pairs) {
  const std::vector<ScenarioComparison> all = find_downsides(page.results, pairs);
  if (all.empty()) return "";
  return "<section><h2>Does a store ever cost something?</h2>\n" +
         table("What adding a store does", "No downside: at least 0.97 × the speed and at most 1.05 × the mean TTFT.",
               head({"With the store", "Without", "Speed", "Mean TTFT", "Verdict"}),
               bodies(page, 5,
                      [&](std::uint32_t words) {
                        std::string rows;
                        for (const ScenarioComparison& one : all) {
                          if (one.context_words != words) continue;
                          const Downside verdict = one.downside();
                          rows += "<tr>" + row_head(page, one.with) + cell(one.without) +
                                  cell(ratio_text(one.ratios.speed)) + cell(ratio_text(one.ratios.ttft)) +
                                  (verdict == Downside::kNone    ? cell("✓ no downside", "good")
                                   : verdict == Downside::kFound ? cell("✗ a downside", "bad")
                                                                 : cell("not measured", "rel")) +
                                  "</tr>\n";
                        }
                        return rows;
                      })) +
         "</section>\n";
}

std::string tile(const std::string& name, const std::string& value, const std::string& note) {
  return "<div><dt>" + markup(name) + "</dt><dd>" + markup(value) + "<small>" + markup(note) + "</small></dd></div>\n";
}

std::string tiles(const Page& page) {
  const std::optional<ScenarioComparison> best = best_point(page.results);
  std::string out = "<dl class=\"tiles\">\n";
  if (best) {
    const ScenarioPoint with = point_of(page.results, best->with, best->context_words);
    const ScenarioPoint without = point_of(page.results, best->without, best->context_words);
    const auto change = [](const std::optional<double>& a, const std::optional<double>& b, const char* unit) {
      return short_number(a) + " → " + short_number(b) + " " + unit;
    };
    out += tile("Speed", ratio_text(best->ratios.speed), change(without.speed, with.speed, "requests/s"));
    out += tile("Mean TTFT", change_text(best->ratios.ttft), change(without.ttft_s, with.ttft_s, "s"));
    out += tile("Decode", ratio_text(best->ratios.decode), change(without.decode, with.decode, "tokens/s"));
  }
  const auto& equal = page.results.answers_equal;
  out += tile("Answers",
              !equal   ? "–"
              : *equal ? "equal"
                       : "differ",
              equal ? thousands(page.results.answers_compared) + " compared" : "none could be compared");
  return out + "</dl>\n";
}

std::string lines(const std::vector<std::string>& all) {
  std::string out = "<ul>";
  for (const std::string& line : all) out += "<li>" + markup(line) + "</li>";
  return out + "</ul>";
}

std::string warnings(const Page& page) {
  const ScenarioResults& results = page.results;
  std::string out;
  const auto warn = [&out](const std::string& what, const std::vector<std::string>& more = {}) {
    out += "<div class=\"warn\" role=\"note\"><strong>" + markup(what) + "</strong>" +
           (more.empty() ? "" : lines(more)) + "</div>\n";
  };
  std::vector<std::string> failures, errors;
  for (const ScenarioCell& each : results.cells) {
    const std::string where = each.scenario + " at " + thousands(each.context_words) + " words: ";
    if (!each.failure.empty()) failures.push_back(where + each.failure);
    for (const auto& [reason, count] : each.summary.errors) errors.push_back(where + thousands(count) + " × " + reason);
  }
  if (results.interrupted) {
    warn("The run was interrupted: " + thousands(results.cells.size()) + " of " + thousands(results.cells_planned) +
         " cells are here.");
  }
  if (results.answers_equal == false) warn("The same question had different answers.", results.differing);
  if (!failures.empty()) warn("Cells that did not run to their end", failures);
  if (!errors.empty()) warn("Requests that failed", errors);
  return out;
}

std::string facts(const Page& page) {
  if (page.results.facts.empty()) return "";
  std::string out = "<section><h2>What was run, and on what</h2>\n<dl class=\"facts\">\n";
  for (const auto& [name, value] : page.results.facts)
    out += "<dt>" + markup(name) + "</dt><dd>" + markup(value) + "</dd>\n";
  return out + "</dl></section>\n";
}

// No line ends between a number and its × or %.
std::string unbroken(std::string text) {
  for (const char* sign : {" ×", " %"}) {
    for (std::size_t at = text.find(sign); at != std::string::npos; at = text.find(sign, at))
      text.replace(at, 1, "\u00a0");
  }
  return text;
}

}  // namespace

std::string to_html(const ScenarioResults& results, std::span<const ScenarioPair> pairs) {
  Page page{results, scenario_names(results), context_lengths(results), token_sources(results)};
  const std::string finding = unbroken(markup(headline(results))), rest = unbroken(markup(other_side(results)));
  const std::string name = results.title.empty() ? "Scenarios" : results.title;
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>" +
      finding +
      " – Cairn</title>\n"
      "<link rel=\"icon\" href=\"data:,\"/>\n<style>" +
      std::string(kScenarioStyle) + "</style></head>\n<body><main>\n";
  out += "<header><p class=\"over\">Cairn · " + markup(name) +
         (results.started_at.empty() ? "" : " · <time>" + markup(results.started_at) + "</time>") + "</p>\n<h1>" +
         finding + "</h1>\n" + (rest.empty() ? "" : "<p class=\"lede\">" + rest + "</p>\n") + tiles(page) +
         warnings(page) + "</header>\n";
  out += scenario_charts(results);
  out += "<section><h2>The figures</h2>\n" + result_table(page) + "</section>\n" + downside_table(page, pairs);
  out += "<section><h2>Behind them</h2>\n" + percentile_table(page) + request_table(page) + source_table(page) +
         "</section>\n";
  out += facts(page);
  out +=
      "<footer><p>Speed is requests finished in a second of a cell's window. TTFT is the time from sending a request "
      "to its first text; one that was cut before it counts with what it had waited. The decode rate is an answer's "
      "tokens over the time after its first text, averaged over requests. "
      "All scenarios ran the same engine on the same model; only the tiers differ.</p></footer>\n";
  return out + "</main></body></html>\n";
}

}  // namespace cairn
