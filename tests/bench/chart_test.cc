// Property: every value of a chart can be read in it as text, gaps stay gaps, and equal data is never drawn outside.
#include "bench/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<double> numbers(const std::string& svg, const char* pattern) {
  std::vector<double> out;
  const std::regex regex(pattern);
  for (auto at = std::sregex_iterator(svg.begin(), svg.end(), regex); at != std::sregex_iterator(); ++at) {
    out.push_back(std::stod((*at)[1]));
  }
  return out;
}

LineChart sample(ScaleKind kind) {
  return {"c",
          "A <title>",
          "seconds",
          "words",
          {300, 800, 1500},
          kind,
          {{"one & only", {0.25, 1.0, 12.5}}, {"gap", {0.5, {}, 2.0}}}};
}

TEST(Chart, NamesAndValuesStandInItAsText) {
  const std::string svg = to_svg(sample(ScaleKind::kLog));
  EXPECT_THAT(svg, HasSubstr("role=\"img\""));
  EXPECT_THAT(svg, HasSubstr("A &lt;title&gt;"));
  EXPECT_THAT(svg, HasSubstr("one &amp; only: 0.250 at 300, 1.00 at 800, 12.5 at 1,500."));
  EXPECT_THAT(svg, HasSubstr("one &amp; only: 12.5 seconds at 1,500 words</title>"));
  EXPECT_THAT(svg, HasSubstr("seconds, log axis"));
}

TEST(Chart, AValueThatIsMissingBreaksTheLine) {
  const std::string svg = to_svg(sample(ScaleKind::kLinear));
  const std::regex path("class=\"line\" d=\"([^\"]*)\"");
  std::vector<std::string> paths;
  for (auto at = std::sregex_iterator(svg.begin(), svg.end(), path); at != std::sregex_iterator(); ++at)
    paths.push_back((*at)[1]);
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_EQ(std::ranges::count(paths[0], 'M'), 1);
  EXPECT_EQ(std::ranges::count(paths[0], 'L'), 2);
  EXPECT_EQ(std::ranges::count(paths[1], 'M'), 2);
  EXPECT_EQ(std::ranges::count(paths[1], 'L'), 0);
}

TEST(Chart, LargerValuesStandHigherOnBothKindsOfAxis) {
  for (const ScaleKind kind : {ScaleKind::kLinear, ScaleKind::kLog}) {
    const std::vector<double> y = numbers(to_svg(sample(kind)), "cy=\"([0-9.]+)\"");
    ASSERT_EQ(y.size(), 3u);
    EXPECT_GT(y[0], y[1]);
    EXPECT_GT(y[1], y[2]);
  }
}

TEST(Chart, ZeroHasNoPlaceOnALogAxisAndNothingIsNoNumber) {
  LineChart chart = sample(ScaleKind::kLog);
  chart.series = {{"zero", {0.0, std::nan(""), HUGE_VAL}}};
  const std::string svg = to_svg(chart);
  EXPECT_THAT(svg, Not(testing::ContainsRegex("nan|inf[^o]")));
  EXPECT_THAT(svg, HasSubstr("no values"));
  chart.x.clear();
  chart.series.clear();
  EXPECT_THAT(to_svg(chart), HasSubstr("</svg>"));
}

TEST(Chart, OneContextIsOnePointInTheMiddle) {
  const std::string svg = to_svg(LineChart{"c", "t", "u", "words", {800}, ScaleKind::kLinear, {{"s", {1.0}}}});
  const std::vector<double> x = numbers(svg, "cx=\"([0-9.]+)\"");
  ASSERT_EQ(x.size(), 1u);
  EXPECT_NEAR(x[0], 234, 12);
}

TEST(Chart, LabelsThatWouldCollideAreLeftOutButNeverTheLast) {
  LineChart chart{"c", "t", "u", "words", {}, ScaleKind::kLinear, {}};
  for (int i = 0; i < 60; ++i) chart.x.push_back(100 + 100 * i);
  const std::string svg = to_svg(chart);
  const std::vector<double> x = numbers(svg, "<text x=\"([0-9.]+)\" y=\"[0-9.]+\" class=\"tick middle\"");
  ASSERT_GE(x.size(), 3u);
  for (std::size_t i = 1; i < x.size(); ++i) EXPECT_GT(x[i - 1] - x[i], 25);
  EXPECT_THAT(svg, HasSubstr(">6,000<"));
}

TEST(Chart, PartsOfABarStackToTheirSumWithoutGap) {
  StackedBars chart{"b",
                    "t",
                    "%",
                    "words",
                    {300, 800},
                    {"s", "t"},
                    {{"near", 0}, {"far", 1}, {"made", 7}},
                    {{300, 0, {0.25, 0.25, 0.5}}, {800, 1, {0, 0, 1}}, {800, 0, {}}}};
  const std::string svg = to_svg(chart);
  const std::vector<double> y = numbers(svg, "<rect [^>]* y=\"([0-9.]+)\"");
  const std::vector<double> heights = numbers(svg, "height=\"([0-9.]+)\"");
  ASSERT_EQ(y.size(), 4u);  // a part of nothing is not drawn
  EXPECT_NEAR(y[0], y[1] + heights[1], 0.11);
  EXPECT_NEAR(y[1], y[2] + heights[2], 0.11);
  EXPECT_NEAR(heights[0] + heights[1] + heights[2], heights[3], 0.31);
  EXPECT_THAT(svg, HasSubstr("s, 300 words: 50.0 % made"));
  EXPECT_THAT(svg, HasSubstr("class=\"part p7\""));
}

TEST(Chart, ASwatchOfEachStyleDiffers) {
  for (std::size_t i = 1; i < kChartStyles; ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(series_swatch(i), series_swatch(j));
    EXPECT_NE(part_swatch(i), part_swatch(i - 1));
  }
}

}  // namespace
}  // namespace cairn
