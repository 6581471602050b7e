#include "bench/scenario_charts.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "bench/chart.h"
#include "bench/scale.h"
#include "bench/scenario_findings.h"

namespace cairn {
namespace {

struct Axes {
  const ScenarioResults& results;
  std::vector<std::string> names;
  std::vector<std::uint32_t> contexts;
  std::vector<std::string> sources;
  std::vector<double> x;  // the contexts
};

// What is computed looks like no tier.
std::vector<ChartPart> parts_of(const std::vector<std::string>& sources) {
  std::vector<ChartPart> parts;
  std::size_t stores = 0;
  for (const std::string& source : sources) {
    const std::size_t style = source == "device"     ? 0
                              : source == "ram"      ? 1
                              : source == "computed" ? 7
                                                     : 2 + stores++ % 5;
    parts.push_back({source, style});
  }
  return parts;
}

std::string legend_item(const std::string& swatch, const std::string& name) {
  return "<li>" + swatch + "<span>" + markup(name) + "</span></li>";
}

std::string legend(const std::vector<std::string>& names) {
  std::string out = "<ul class=\"legend\">";
  for (std::size_t i = 0; i < names.size(); ++i) out += legend_item(series_swatch(i), names[i]);
  return out + "</ul>\n";
}

std::string legend(const std::vector<ChartPart>& parts) {
  std::string out = "<ul class=\"legend\">";
  for (const ChartPart& part : parts) out += legend_item(part_swatch(part.style), part.name);
  return out + "</ul>\n";
}

std::string figure(const std::string& title, const std::string& note, const std::string& inside) {
  return "<figure><figcaption><h3>" + markup(title) + "</h3><p>" + markup(note) + "</p></figcaption>\n" + inside +
         "</figure>\n";
}

struct LineFigure {
  const char *id, *title;
  std::string note;
  const char* unit;
  ScaleKind kind;
  std::optional<double> ScenarioPoint::* value;
};

std::string line_figure(const Axes& axes, const LineFigure& what) {
  LineChart chart{
      what.id, std::string(what.title) + " over context length", what.unit, "words of context", axes.x, what.kind, {}};
  for (const std::string& name : axes.names) {
    ChartSeries series{name, {}};
    for (const std::uint32_t words : axes.contexts)
      series.values.push_back(point_of(axes.results, name, words).*what.value);
    chart.series.push_back(std::move(series));
  }
  return figure(what.title, what.note, legend(axes.names) + to_svg(chart));
}

std::string source_figure(const Axes& axes) {
  StackedBars chart{"sources",
                    "Prompt tokens by source over context length",
                    "% of prompt tokens",
                    "words of context",
                    axes.x,
                    axes.names,
                    parts_of(axes.sources),
                    {}};
  for (const std::uint32_t words : axes.contexts) {
    for (std::size_t series = 0; series < axes.names.size(); ++series) {
      chart.bars.push_back(
          {static_cast<double>(words), series, source_shares(axes.results, axes.names[series], words, axes.sources)});
    }
  }
  return figure("Where prompt tokens came from", "The mark under a bar is its scenario's.",
                legend(axes.names) + legend(chart.parts) + to_svg(chart));
}

// " Offered: 1.44." where all cells were offered the same.
std::string offered_note(const ScenarioResults& results) {
  if (results.cells.empty()) return "";
  const double offered = results.cells.front().summary.configured_qps;
  const bool same = std::ranges::all_of(
      results.cells, [&](const ScenarioCell& each) { return each.summary.configured_qps == offered; });
  return same && offered > 0 ? " Offered: " + short_number(offered) + "." : "";
}

}  // namespace

std::string scenario_charts(const ScenarioResults& results) {
  Axes axes{results, scenario_names(results), context_lengths(results), token_sources(results), {}};
  axes.x.assign(axes.contexts.begin(), axes.contexts.end());
  const LineFigure figures[] = {
      {"speed", "Processing speed", "Requests finished in a second: higher is better." + offered_note(results),
       "requests/s", ScaleKind::kLinear, &ScenarioPoint::speed},
      {"ttft", "Mean time to first token", "As the client sees it, queueing included: lower is better.", "seconds",
       ScaleKind::kLog, &ScenarioPoint::ttft_s},
      {"decode", "Mean decode rate", "After the first token, of each request: higher is better.",
       "tokens/s per request", ScaleKind::kLinear, &ScenarioPoint::decode}};
  std::string out = "<section><h2>Over context length</h2>\n<div class=\"charts\">\n";
  for (const LineFigure& each : figures) out += line_figure(axes, each);
  return out + source_figure(axes) + "</div></section>\n";
}

}  // namespace cairn
