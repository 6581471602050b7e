// Property: four charts whatever ran, each with its name, legend and values; what did not run is not drawn.
#include "bench/scenario_charts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/scale.h"
#include "bench/scenario_sample.h"

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ScenarioCharts, FourAlwaysAndEachIsNamed) {
  for (const ScenarioResults& results : {sample_results(), hostile_results(), tiny_results(), ScenarioResults()}) {
    const std::string charts = scenario_charts(results);
    EXPECT_EQ(count_of(charts, "role=\"img\""), 4u);
    EXPECT_EQ(count_of(charts, "<desc id="), 4u);
    EXPECT_EQ(count_of(charts, "<figcaption>"), 4u);
    for (const std::string& name : results.scenarios)
      EXPECT_GE(count_of(charts, "<span>" + markup(name) + "</span>"), 4u);
  }
}

TEST(ScenarioCharts, EveryPointIsNamedWithItsValueAndUnit) {
  const std::string charts = scenario_charts(sample_results());
  for (const char* title :
       {"RAM + fast store: 1.19 requests/s at 1,500 words", "device only: 12.1 seconds at 1,500 words",
        "RAM: 31.0 tokens/s per request at 800 words", "RAM + slow store, 300 words"}) {
    EXPECT_THAT(charts, HasSubstr(title));
  }
  EXPECT_EQ(count_of(charts, "class=\"line\" d=\"M") - 4 * 4, 3u * 4);  // but for the legends' four in each
  EXPECT_THAT(charts, HasSubstr("seconds, log axis"));
  EXPECT_THAT(charts, HasSubstr("higher is better. Offered: 1.44."));
}

TEST(ScenarioCharts, WhatIsComputedLooksTheSameWhateverTheTiers) {
  for (const ScenarioResults& results : {sample_results(), tiny_results(), hostile_results()}) {
    EXPECT_THAT(scenario_charts(results), HasSubstr("class=\"part p7\"/></svg><span>computed</span>"));
  }
}

TEST(ScenarioCharts, WhatDidNotRunIsNotDrawn) {
  const std::string charts = scenario_charts(hostile_results());
  EXPECT_THAT(charts, HasSubstr("never ran: no values"));
  EXPECT_THAT(charts, Not(HasSubstr("never ran: 0")));
  EXPECT_EQ(count_of(charts, "<rect"), 3u);  // one bar of one part, two in the legend
}

TEST(ScenarioCharts, RepeatsAreOnePoint) {
  const std::string charts = scenario_charts(long_results());
  EXPECT_EQ(count_of(charts, "<title>RAM: "), 3u * 8);  // three charts of lines, eight contexts
}

}  // namespace
}  // namespace cairn
