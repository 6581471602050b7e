// Property: every figure of a cell stands in each form of the report, and no name or value breaks one.
#include "bench/scenario_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/scale.h"
#include "bench/scenario_sample.h"

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t lines_of(const std::string& text) { return static_cast<std::size_t>(std::ranges::count(text, '\n')); }

TEST(ScenarioReport, EveryFigureOfACellIsInTheText) {
  const ScenarioResults results = sample_results();
  const std::string text = to_text(results, sample_pairs());
  for (const ScenarioCell& cell : results.cells) {
    const QaSummary& sum = cell.summary;
    for (const auto& value :
         {sum.ttft_with_cut_s.mean, sum.ttft_with_cut_s.p50, sum.ttft_with_cut_s.p90, sum.ttft_with_cut_s.p99,
          sum.gap_s.mean, sum.gap_s.p99, sum.end_to_end_s.p90, sum.mean_generation_speed,
          std::optional(sum.processing_speed), std::optional(sum.input_tokens_per_s),
          std::optional(sum.output_tokens_per_s), std::optional(sum.actual_qps), std::optional(cell.elapsed_s)}) {
      EXPECT_THAT(text, HasSubstr(" " + short_number(value)));
    }
    for (const auto& [source, tokens] : cell.tokens_by_source)
      EXPECT_THAT(text, HasSubstr(" " + thousands(tokens) + " "));
  }
  for (const auto& [name, value] : results.facts) EXPECT_THAT(text, HasSubstr(value));
  for (const char* part :
       {"2.90 ×", "−94 %", "17 unfinished, 3 cold", "equal in all scenarios, 1,240", "no downside"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(ScenarioReport, TheTableGrowsByOneLineACell) {
  ScenarioResults results = sample_results();
  const std::vector<ScenarioCell> cells = std::move(results.cells);
  results.cells.clear();
  const std::string header = scenario_header(results);
  EXPECT_EQ(lines_of(header), 1u);
  std::string grown;
  for (const ScenarioCell& cell : cells) {
    results.cells.push_back(cell);
    grown += scenario_row(results, cell);
    EXPECT_EQ(lines_of(grown), results.cells.size());
  }
  EXPECT_EQ(scenario_header(results), header);
  EXPECT_THAT(to_text(results), HasSubstr(header + grown));  // what was printed is what the report says
}

TEST(ScenarioReport, LongNamesKeepTheirEndsAndTheColumnsTheirPlaces) {
  const ScenarioResults results = hostile_results();
  const std::string row = scenario_row(results, results.cells[1]);
  EXPECT_THAT(row, HasSubstr("one whose na"));
  EXPECT_THAT(row, HasSubstr("…"));
  EXPECT_THAT(row, HasSubstr("and ends "));
  EXPECT_LT(row.size(), 170u);
  EXPECT_THAT(row, HasSubstr("4 failed"));
  EXPECT_THAT(scenario_row(long_results(), long_results().cells.back()), HasSubstr("  repeat 3\n"));
  EXPECT_THAT(scenario_row(results, results.cells[2]), HasSubstr("failed: instance 1 & 2 did not start <in time>"));
}

TEST(ScenarioReport, TheTextTellsOfWhatWentWrongAndObeysNoControlBytes) {
  const std::string text = to_text(hostile_results());
  for (const char* part :
       {"Interrupted. 3 of 8 cells ran.", "ANSWERS DIFFER", "user 3, question 2", "4 x HTTP 503: <busy>"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(testing::ContainsRegex("[ -]nan|[ -]inf ")));
}

TEST(ScenarioReport, CsvHasARowACellAndExactNumbers) {
  const ScenarioResults results = sample_results();
  std::istringstream lines(to_csv(results));
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const auto columns = std::ranges::count(line, ',');
  for (const char* name : {"scenario,context_words", "speed_ratio", "ttft_p99_s", "itl_p50_s", "end_to_end_p90_s",
                           "tokens_device,tokens_ram,tokens_file,tokens_computed", "cold_sessions", "unfinished"}) {
    EXPECT_THAT(line, HasSubstr(name));
  }
  for (std::size_t rows = 0; rows < results.cells.size(); ++rows) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(std::ranges::count(line, ','), columns);
    EXPECT_THAT(line, HasSubstr(results.cells[rows].scenario + ","));
  }
  EXPECT_FALSE(std::getline(lines, line));
  EXPECT_THAT(to_csv(results), HasSubstr(",0.411,"));
}

TEST(ScenarioReport, CsvQuotesNamesAndLeavesWhatIsUnsetEmpty) {
  const std::string csv = to_csv(hostile_results());
  EXPECT_EQ(lines_of(csv), 4u);
  EXPECT_THAT(csv, HasSubstr("\"a<b>&\"\"c\"\"'d'\""));
  EXPECT_THAT(csv, HasSubstr("\"Müller, \"\"naïve\"\"\""));
  EXPECT_THAT(csv, Not(testing::ContainsRegex(",-?nan|,-?inf,")));
  EXPECT_THAT(csv, HasSubstr("tokens_file<1>"));
}

TEST(ScenarioReport, JsonReadsBackToTheSameValues) {
  const ScenarioResults results = sample_results();
  const auto json = nlohmann::json::parse(to_json(results, sample_pairs()));
  ASSERT_EQ(json["cells"].size(), results.cells.size());
  for (std::size_t i = 0; i < results.cells.size(); ++i) {
    const auto& cell = json["cells"][i];
    EXPECT_EQ(cell["scenario"], results.cells[i].scenario);
    EXPECT_EQ(cell["context_words"], results.cells[i].context_words);
    EXPECT_EQ(cell["summary"]["processing_speed"].get<double>(), results.cells[i].summary.processing_speed);
    EXPECT_EQ(cell["summary"]["ttft_with_cut_s"]["p90"].get<double>(), *results.cells[i].summary.ttft_with_cut_s.p90);
    EXPECT_EQ(cell["tokens_by_source"].get<decltype(results.cells[i].tokens_by_source)>(),
              results.cells[i].tokens_by_source);
  }
  EXPECT_EQ(json["cells"][8]["unfinished"], 17);
  EXPECT_EQ(json["cells"][0]["ratios_to_first"]["speed"], nullptr);
  EXPECT_NEAR(json["cells"][10]["ratios_to_first"]["speed"].get<double>(), 2.895, 1e-3);
  EXPECT_EQ(json["downsides"].size(), 6u);
  EXPECT_EQ(json["downsides"][0]["downside"], false);
  EXPECT_EQ(json["answers"]["compared"], 1240);
  EXPECT_EQ(json["headline"], headline(results));
}

TEST(ScenarioReport, JsonHasNoValueThatIsNone) {
  for (const ScenarioResults& results : {hostile_results(), tiny_results(), ScenarioResults()}) {
    ASSERT_TRUE(nlohmann::json::accept(to_json(results))) << results.title;
  }
  const auto json = nlohmann::json::parse(to_json(hostile_results()));
  EXPECT_EQ(json["cells"][1]["summary"]["itl_s"]["p99"], nullptr);
  EXPECT_EQ(json["cells"][1]["summary"]["actual_qps"], nullptr);
  EXPECT_EQ(json["cells"][2]["failure"], "instance 1 & 2 did not start <in time>");
}

}  // namespace
}  // namespace cairn
