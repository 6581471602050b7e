// Property: words say what the figures say, gains and costs alike, and figures that are missing lead to no claim.
#include "bench/scenario_findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/scenario_sample.h"

namespace cairn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ScenarioResults two(double speed, double ttft_s) {
  ScenarioResults results;
  results.scenarios = {"plain", "stored"};
  results.contexts = {300};
  results.cells = {sample_cell("plain", 300, {1, 1, 10, {}}), sample_cell("stored", 300, {speed, ttft_s, 10, {}})};
  return results;
}

TEST(ScenarioFindings, TheHeadlineIsTheBestPointInWords) {
  EXPECT_EQ(headline(sample_results()),
            "RAM + fast store: 2.9 × the speed and 94 % lower TTFT than device only at 1,500 words");
  EXPECT_EQ(headline(two(1.0, 0.6)), "stored: the same speed and 40 % lower TTFT than plain at 300 words");
  EXPECT_EQ(headline(two(12.34, 0.004)), "stored: 12 × the speed and 99.6 % lower TTFT than plain at 300 words");
  EXPECT_EQ(headline(two(1.5, 1.2)), "stored: 1.5 × the speed and 20 % higher TTFT than plain at 300 words");
}

TEST(ScenarioFindings, ACostIsCalledACost) {
  EXPECT_EQ(headline(two(0.96, 1.3)),
            "Nothing is gained over plain: at best 4 % less speed and 30 % higher TTFT, with stored at 300 words");
  EXPECT_EQ(other_side(two(0.96, 1.3)),
            "At its worst, stored costs 4 % of the speed and 30 % more TTFT against plain at 300 words.");
  EXPECT_EQ(other_side(two(2, 2.5)), "At its worst, stored costs 150 % more TTFT against plain at 300 words.");
  EXPECT_THAT(other_side(sample_results()), HasSubstr("At no point measured"));
  EXPECT_THAT(other_side(long_results()), HasSubstr("RAM + slow store costs 9 % of the speed"));
}

TEST(ScenarioFindings, WhatSpoilsARunComesBeforeAnyGain) {
  ScenarioResults results = sample_results();
  results.answers_equal = false;
  EXPECT_THAT(headline(results), HasSubstr("Answers differ"));
  results = {};
  EXPECT_EQ(headline(results), "No cell ran to its end");
  EXPECT_EQ(other_side(results), "");
  EXPECT_EQ(headline(tiny_results()), "device only serves 0.780 requests/s with a mean TTFT of 4.93 s at 800 words");
  results = two(3, 0.1);
  results.cells[1].failure = "killed";
  EXPECT_THAT(headline(results), HasSubstr("plain serves 1.00 requests/s"));
}

TEST(ScenarioFindings, PointsAreMediansOfTheCellsThatRanToTheirEnd) {
  ScenarioResults results = two(1, 1);
  for (std::uint32_t repeat = 1; repeat < 4; ++repeat) {
    results.cells.push_back(sample_cell("stored", 300, {1.0 + repeat, 1, 10, {}}));
    results.cells.back().repeat = repeat;
  }
  results.cells.back().failure = "killed";
  const ScenarioPoint point = point_of(results, "stored", 300);
  EXPECT_EQ(point.cells, 3u);
  EXPECT_DOUBLE_EQ(*point.speed, 2);
  EXPECT_FALSE(point_of(results, "stored", 301).speed);
}

TEST(ScenarioFindings, DownsidesAreJudgedAtTheirLimits) {
  const std::vector<ScenarioPair> pairs = {{"plain", "stored"}};
  const auto verdict = [&](double speed, double ttft_s) {
    return find_downsides(two(speed, ttft_s), pairs).at(0).downside();
  };
  EXPECT_EQ(verdict(0.97, 1.05), Downside::kNone);
  EXPECT_EQ(verdict(0.9699, 1), Downside::kFound);
  EXPECT_EQ(verdict(1, 1.0501), Downside::kFound);
  ScenarioResults results = two(1, 1);
  results.cells[1].summary.ttft_with_cut_s = {};
  EXPECT_EQ(find_downsides(results, pairs)[0].downside(), Downside::kUnknown);
  results.cells[1].summary.processing_speed = 0.5;
  EXPECT_EQ(find_downsides(results, pairs)[0].downside(), Downside::kFound);
  const auto all = find_downsides(sample_results(), sample_pairs());
  ASSERT_EQ(all.size(), 6u);
  EXPECT_EQ(all[2].context_words, 1500u);
  EXPECT_NEAR(*all[2].ratios.speed, 1.19 / 0.633, 1e-9);
  EXPECT_NEAR(*all[2].ratios.ttft, 0.733 / 7.84, 1e-9);
}

TEST(ScenarioFindings, NothingIsDividedByZero) {
  ScenarioResults results = two(1, 1);
  results.cells[0].summary.processing_speed = 0;
  const ScenarioRatios ratios = ratios_to_first(results, results.cells[1]);
  EXPECT_FALSE(ratios.speed);
  EXPECT_TRUE(ratios.ttft);
  EXPECT_FALSE(ratios_to_first(results, results.cells[0]).ttft);
}

TEST(ScenarioFindings, SourcesStandNearestFirstAndSharesSumToOne) {
  ScenarioCell cell = sample_cell("s", 1, {1, 1, 1, {{"computed", 10}, {"file", 20}, {"ram", 30}, {"device", 40}}});
  ScenarioResults results;
  results.cells = {cell};
  const auto sources = token_sources(results);
  EXPECT_THAT(sources, ElementsAre("device", "ram", "file", "computed"));
  EXPECT_THAT(source_shares(cell, sources), ElementsAre(0.4, 0.3, 0.2, 0.1));
  cell.tokens_by_source = {{"ram", 0}};
  EXPECT_TRUE(source_shares(cell, sources).empty());
  results.cells.push_back(sample_cell("s", 1, {1, 1, 1, {{"computed", 100}}}));
  EXPECT_THAT(source_shares(results, "s", 1, sources), ElementsAre(0.2, 0.15, 0.1, 0.55));  // of all repeats
  results.cells.back().failure = "killed";
  EXPECT_THAT(source_shares(results, "s", 1, sources), ElementsAre(0.4, 0.3, 0.2, 0.1));
}

TEST(ScenarioFindings, RatiosAsText) {
  EXPECT_EQ(ratio_text(2.876), "2.88 ×");
  EXPECT_EQ(change_text(0.06), "−94 %");
  EXPECT_EQ(change_text(0.004), "−99.6 %");
  EXPECT_EQ(change_text(1.04), "+4 %");
  EXPECT_EQ(change_text(1.001), "±0 %");
  EXPECT_EQ(share_text(0.0784), "7.8 %");
  EXPECT_EQ(ratio_text(std::nullopt), "–");
  EXPECT_EQ(change_text(std::nan("")), "–");
}

}  // namespace
}  // namespace cairn
