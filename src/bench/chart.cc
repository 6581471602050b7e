#include "bench/chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace cairn {
namespace {

// In units of the view box; the page scales it.
constexpr double kWidth = 440, kHeight = 280;
constexpr double kLeft = 50, kRight = kWidth - 18, kTop = 30, kBottom = kHeight - 46;
constexpr double kLetter = 8.4;  // of a tick's label, at most

std::string px(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string style(char kind, std::size_t index) { return kind + std::to_string(index % kChartStyles); }

std::string text_at(double x, double y, const char* classes, const std::string& text) {
  return "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" class=\"" + classes + "\">" + markup(text) + "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const char* classes) {
  return "<line x1=\"" + px(x1) + "\" y1=\"" + px(y1) + "\" x2=\"" + px(x2) + "\" y2=\"" + px(y2) + "\" class=\"" +
         classes + "\"/>\n";
}

std::string polygon(double x, double y, double r, const std::vector<Range>& corners) {
  std::string points;
  for (const Range& corner : corners) {
    points += (points.empty() ? "" : " ") + px(x + r * corner.low) + "," + px(y + r * corner.high);
  }
  return "<polygon points=\"" + points + "\" class=\"mark\"";
}

// A shape a series, all of about the same weight; open so that a <title> can follow.
std::string open_marker(std::size_t index, double x, double y, double r) {
  static const std::array<std::vector<Range>, kChartStyles> kShapes = {{
      {},
      {{-.88, -.88}, {.88, -.88}, {.88, .88}, {-.88, .88}},
      {{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}},
      {{0, -1.25}, {1.2, .9}, {-1.2, .9}},
      {{0, 1.25}, {1.2, -.9}, {-1.2, -.9}},
      {{-.4, -1.2},
       {.4, -1.2},
       {.4, -.4},
       {1.2, -.4},
       {1.2, .4},
       {.4, .4},
       {.4, 1.2},
       {-.4, 1.2},
       {-.4, .4},
       {-1.2, .4},
       {-1.2, -.4},
       {-.4, -.4}},
      {{-1.2, -.7}, {0, -1.3}, {1.2, -.7}, {1.2, .7}, {0, 1.3}, {-1.2, .7}},
      {{-1.2, 0}, {.9, -1.2}, {.9, 1.2}},
  }};
  const std::vector<Range>& shape = kShapes.at(index % kChartStyles);
  if (!shape.empty()) return polygon(x, y, r, shape);
  return "<circle cx=\"" + px(x) + "\" cy=\"" + px(y) + "\" r=\"" + px(r) + "\" class=\"mark\"";
}

std::string marker(std::size_t index, double x, double y, double r, const std::string& title = "") {
  const bool circle = index % kChartStyles == 0;
  if (title.empty()) return open_marker(index, x, y, r) + "/>";
  return open_marker(index, x, y, r) + "><title>" + markup(title) + "</title></" + (circle ? "circle" : "polygon") +
         ">\n";
}

std::string open_svg(const std::string& id, const std::string& title, const std::string& description) {
  const std::string name = markup(id);
  return "<svg viewBox=\"0 0 " + px(kWidth) + " " + px(kHeight) + "\" role=\"img\" aria-labelledby=\"" + name + "-t " +
         name + "-d\" xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"" + name + "-t\">" + markup(title) +
         "</title>\n<desc id=\"" + name + "-d\">" + markup(description) + "</desc>\n";
}

std::string frame(const Scale& y, const std::string& unit, const std::string& x_unit) {
  std::string out;
  for (const double tick : y.ticks()) {
    out += line(kLeft, y.at(tick), kRight, y.at(tick), tick == y.ticks().front() ? "axis" : "grid");
    std::string label = short_number(tick);
    if (label.find('.') != std::string::npos) {  // 2.00 reads as 2, 0.500 as 0.5
      label.erase(label.find_last_not_of('0') + 1);
      if (label.ends_with('.')) label.pop_back();
    }
    out += text_at(kLeft - 8, y.at(tick) + 4, "tick end", label);
  }
  out += text_at(0, 13, "unit", unit);
  return out + text_at(kRight, kHeight - 6, "unit end", x_unit);
}

// Labels of the x axis: the last one and all others that have room.
std::string x_labels(const std::vector<double>& x, const std::vector<double>& places, double y) {
  std::string out;
  double free_until = kRight + 100;
  for (std::size_t i = x.size(); i-- > 0;) {
    const std::string label = thousands(static_cast<std::uint64_t>(std::max(0.0, x[i])));
    const double half = kLetter * static_cast<double>(label.size()) / 2;
    const double place = std::clamp(places[i], half, kWidth - half);
    if (place + half > free_until) continue;
    out += text_at(place, y, "tick middle", label);
    free_until = place - half - 4;
  }
  return out;
}

Scale x_scale(const std::vector<double>& x) {
  const Range paper{kLeft + 22, kRight - 22};
  return x.empty() ? Scale::exact({0, 1}, paper) : Scale::exact({x.front(), x.back()}, paper);
}

bool drawable(const std::optional<double>& value, ScaleKind kind) {
  return value && std::isfinite(*value) && (kind == ScaleKind::kLinear || *value > 0);
}

std::string words_at(double x, const std::string& x_unit) {
  return thousands(static_cast<std::uint64_t>(std::max(0.0, x))) + " " + x_unit;
}

std::string described(const LineChart& chart) {
  std::string out;
  for (const ChartSeries& series : chart.series) {
    std::string values;
    for (std::size_t i = 0; i < chart.x.size() && i < series.values.size(); ++i) {
      if (!series.values[i]) continue;
      values += (values.empty() ? " " : ", ") + short_number(series.values[i]) + " at " +
                thousands(static_cast<std::uint64_t>(chart.x[i]));
    }
    out += series.name + ":" + (values.empty() ? " no values" : values) + ". ";
  }
  return "In " + chart.unit + ", over " + chart.x_unit + ". " + out;
}

std::string draw(const LineChart& chart, std::size_t index, const Scale& x, const Scale& y) {
  const ChartSeries& series = chart.series[index];
  std::string path, marks;
  bool pen_down = false;
  for (std::size_t i = 0; i < chart.x.size() && i < series.values.size(); ++i) {
    if (!drawable(series.values[i], chart.kind)) {
      pen_down = false;
      continue;
    }
    const double at_x = x.at(chart.x[i]), at_y = y.at(*series.values[i]);
    path += (pen_down ? "L" : "M") + px(at_x) + " " + px(at_y);
    pen_down = true;
    marks += marker(index, at_x, at_y, 4.2,
                    series.name + ": " + short_number(series.values[i]) + " " + chart.unit + " at " +
                        words_at(chart.x[i], chart.x_unit));
  }
  if (path.empty()) return "";
  return "<g class=\"" + style('s', index) + "\"><path class=\"line\" d=\"" + path + "\"/>\n" + marks + "</g>\n";
}

std::string draw(const StackedBars& chart, const StackedBar& bar, Range across, const Scale& y) {
  double below = 0;
  std::string out;
  for (std::size_t part = 0; part < bar.parts.size() && part < chart.parts.size(); ++part) {
    const double share = bar.parts[part];
    if (!(share > 0) || !std::isfinite(share)) continue;
    const double top = y.at(100 * std::min(1.0, below + share));
    out += "<rect x=\"" + px(across.low) + "\" y=\"" + px(top) + "\" width=\"" + px(across.high - across.low) +
           "\" height=\"" + px(y.at(100 * below) - top) + "\" class=\"part " + style('p', chart.parts[part].style) +
           "\"><title>" +
           markup(chart.series.at(bar.series) + ", " + words_at(bar.x, chart.x_unit) + ": " +
                  short_number(100 * share) + " % " + chart.parts[part].name) +
           "</title></rect>\n";
    below += share;
  }
  return out;
}

std::string described(const StackedBars& chart) {
  std::string out = "Shares in " + chart.unit + ", over " + chart.x_unit + ". ";
  for (const StackedBar& bar : chart.bars) {
    std::string shares;
    for (std::size_t part = 0; part < bar.parts.size() && part < chart.parts.size(); ++part) {
      shares +=
          (shares.empty() ? " " : ", ") + chart.parts[part].name + " " + short_number(100 * bar.parts[part]) + " %";
    }
    if (!shares.empty())
      out += chart.series.at(bar.series) + " at " + thousands(static_cast<std::uint64_t>(bar.x)) + ":" + shares + ". ";
  }
  return out;
}

}  // namespace

std::string to_svg(const LineChart& chart) {
  std::vector<double> values;
  for (const ChartSeries& series : chart.series) {
    for (const auto& value : series.values) {
      if (drawable(value, chart.kind)) values.push_back(*value);
    }
  }
  const Scale x = x_scale(chart.x);
  const Scale y = Scale::around(chart.kind, values, {kBottom, kTop});
  std::string out = open_svg(chart.id, chart.title, described(chart));
  out += frame(y, chart.kind == ScaleKind::kLog ? chart.unit + ", log axis" : chart.unit, chart.x_unit);
  std::vector<double> places;
  for (const double value : chart.x) {
    places.push_back(x.at(value));
    out += line(places.back(), kBottom, places.back(), kBottom + 4, "axis");
  }
  out += x_labels(chart.x, places, kBottom + 18);
  for (std::size_t i = 0; i < chart.series.size(); ++i) out += draw(chart, i, x, y);
  if (values.empty()) out += text_at((kLeft + kRight) / 2, (kTop + kBottom) / 2, "unit middle", "no values");
  return out + "</svg>\n";
}

std::string to_svg(const StackedBars& chart) {
  const Scale y = Scale::around(ScaleKind::kLinear, {100}, {kBottom - 16, kTop});
  std::string out = open_svg(chart.id, chart.title, described(chart)) + frame(y, chart.unit, chart.x_unit);
  const double group = (kRight - kLeft) / static_cast<double>(std::max<std::size_t>(1, chart.x.size()));
  const double pitch =
      std::min(30.0, group * 0.86 / static_cast<double>(std::max<std::size_t>(1, chart.series.size())));
  const double width = pitch * static_cast<double>(chart.series.size());
  std::vector<double> places;
  for (std::size_t i = 0; i < chart.x.size(); ++i) places.push_back(kLeft + group * (static_cast<double>(i) + 0.5));
  for (const StackedBar& bar : chart.bars) {
    const auto at = std::ranges::find(chart.x, bar.x);
    if (at == chart.x.end() || bar.parts.empty() || bar.series >= chart.series.size()) continue;
    const double left =
        places[static_cast<std::size_t>(at - chart.x.begin())] - width / 2 + pitch * static_cast<double>(bar.series);
    out += draw(chart, bar, {left + pitch * 0.08, left + pitch * 0.92}, y);
    out += "<g class=\"" + style('s', bar.series) + "\">" +
           marker(bar.series, left + pitch / 2, kBottom - 7, std::min(3.8, pitch * 0.34), chart.series[bar.series]) +
           "</g>\n";
  }
  return out + x_labels(chart.x, places, kBottom + 18) + "</svg>\n";
}

std::string series_swatch(std::size_t index) {
  return "<svg class=\"swatch " + style('s', index) +
         "\" viewBox=\"0 0 34 12\" aria-hidden=\"true\" "
         "xmlns=\"http://www.w3.org/2000/svg\"><path class=\"line\" d=\"M1 6L33 6\"/>" +
         marker(index, 17, 6, 4) + "</svg>";
}

std::string part_swatch(std::size_t part) {
  return "<svg class=\"swatch box\" viewBox=\"0 0 14 12\" aria-hidden=\"true\" xmlns=\"http://www.w3.org/2000/svg\">"
         "<rect x=\"1\" y=\"0\" width=\"12\" height=\"12\" class=\"part " +
         style('p', part) + "\"/></svg>";
}

}  // namespace cairn
