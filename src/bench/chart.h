// Charts as SVG text that scales with its place, for a page that has the colours as CSS: the series of index i has
// class s<i mod 8>, a part class p<style mod 8>. Each is readable without colour (markers, dashes), names its
// values in <title> and <desc>, and is well-formed XML. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/scale.h"

namespace cairn {

inline constexpr std::size_t kChartStyles = 8;  // series and parts repeat their style after as many

struct ChartSeries {
  std::string name;
  std::vector<std::optional<double>> values;  // one a place on the x axis; unset: a gap in the line
};

struct LineChart {
  std::string id;  // unique on its page
  std::string title, unit;
  std::string x_unit;
  std::vector<double> x;  // ascending
  ScaleKind kind = ScaleKind::kLinear;
  std::vector<ChartSeries> series;
};
std::string to_svg(const LineChart& chart);

struct ChartPart {
  std::string name;
  std::size_t style = 0;
};
struct StackedBar {
  double x = 0;  // its group
  std::size_t series = 0;
  std::vector<double> parts;  // in the chart's order, shares of 1; empty: no bar, its place stays free
};
struct StackedBars {
  std::string id, title, unit, x_unit;
  std::vector<double> x;
  std::vector<std::string> series;
  std::vector<ChartPart> parts;  // from below
  std::vector<StackedBar> bars;
};
std::string to_svg(const StackedBars& chart);

// What a legend shows beside a name.
std::string series_swatch(std::size_t index);
std::string part_swatch(std::size_t style);

}  // namespace cairn
