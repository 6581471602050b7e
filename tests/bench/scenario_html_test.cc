// Property: the page holds every figure as text, escapes every name and asks for nothing outside of itself. The pages
// written here are what tests/e2e/report_test.py opens in a browser.
#include "bench/scenario_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "bench/scale.h"
#include "bench/scenario_sample.h"

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ScenarioHtml, EveryFigureOfACellIsInTheTables) {
  const ScenarioResults results = sample_results();
  const std::string page = to_html(results, sample_pairs());
  for (const ScenarioCell& cell : results.cells) {
    const QaSummary& sum = cell.summary;
    for (const auto& value :
         {sum.ttft_with_cut_s.mean, sum.ttft_with_cut_s.p50, sum.ttft_with_cut_s.p90, sum.ttft_with_cut_s.p99,
          sum.gap_s.mean, sum.gap_s.p50, sum.gap_s.p90, sum.gap_s.p99, sum.end_to_end_s.mean, sum.end_to_end_s.p50,
          sum.end_to_end_s.p90, sum.end_to_end_s.p99, sum.mean_generation_speed, std::optional(sum.processing_speed),
          std::optional(sum.actual_qps), std::optional(sum.configured_qps), std::optional(cell.elapsed_s),
          std::optional(sum.input_tokens_per_s), std::optional(sum.output_tokens_per_s)}) {
      EXPECT_THAT(page, HasSubstr(">" + short_number(value) + "</td>"));
    }
    for (const std::uint64_t count : {sum.launched, sum.finished, cell.unfinished, cell.cold_sessions,
                                      sum.prompt_tokens, *sum.cached_tokens, sum.generation_tokens}) {
      EXPECT_THAT(page, HasSubstr(">" + thousands(count) + "</td>"));
    }
    for (const auto& [source, tokens] : cell.tokens_by_source)
      EXPECT_THAT(page, HasSubstr(">" + thousands(tokens) + "</td>"));
  }
  EXPECT_THAT(
      page,
      HasSubstr(
          "<h1>RAM + fast store: 2.9\u00a0× the speed and 94\u00a0% lower TTFT than device only at 1,500 words</h1>"));
  EXPECT_EQ(count_of(page, "✓ no downside"), 6u);
  EXPECT_EQ(count_of(page, "<table>"), count_of(page, "<caption>"));
  for (const auto& [name, value] : results.facts) EXPECT_THAT(page, HasSubstr(markup(value)));
}

TEST(ScenarioHtml, ItAsksForNothingOutsideOfItself) {
  for (const ScenarioResults& results :
       {sample_results(), hostile_results(), tiny_results(), long_results(), ScenarioResults()}) {
    std::string page = to_html(results, sample_pairs());
    for (const std::string& name : {std::string("http://www.w3.org/2000/svg"), std::string("data:,")}) {
      for (std::size_t at = page.find(name); at != std::string::npos; at = page.find(name)) page.erase(at, name.size());
    }
    for (const char* part : {"http:", "https:", "//", "<script", "url(", "@import", " src=", "onload", "<iframe"}) {
      EXPECT_THAT(page, Not(HasSubstr(part))) << part;
    }
    EXPECT_THAT(page, Not(testing::ContainsRegex("[>\" ,(-](nan|inf|NaN|Infinity)[<\", )]")));
  }
}

TEST(ScenarioHtml, WhatWentWrongStandsAtTheTop) {
  const std::string page = to_html(hostile_results());
  const std::string top = page.substr(0, page.find("</header>"));
  for (const char* part : {"<h1>Answers differ", "3 of 8 cells", "instance 1 &amp; 2 did not start &lt;in time&gt;",
                           "4 × HTTP 503: &lt;busy&gt;", "user 3, question 2: &lt;abc&gt;"}) {
    EXPECT_THAT(top, HasSubstr(part));
  }
  EXPECT_THAT(page, HasSubstr("a&lt;b&gt;&amp;&quot;c&quot;"));
  EXPECT_THAT(page, HasSubstr("did not run"));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&quot;x&quot;)"));
  EXPECT_THAT(page, Not(HasSubstr("<b>")));
}

TEST(ScenarioHtml, CellsOfRepeatsAreToldApart) {
  const std::string page = to_html(long_results());
  EXPECT_THAT(page, HasSubstr("RAM + slow store, repeat 3</th>"));
  EXPECT_THAT(page, HasSubstr("Medians of up to 3 repeats"));
  EXPECT_THAT(to_html(sample_results()), Not(HasSubstr("repeat 1")));
}

TEST(ScenarioHtml, WritesThePagesForTheBrowser) {
  const std::filesystem::path folder = std::filesystem::path(CAIRN_BINARY_DIR) / "report_pages";
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const ScenarioResults& results) {
    std::ofstream file(folder / (std::string(name) + ".html"), std::ios::binary);
    file << to_html(results, sample_pairs());
    EXPECT_TRUE(file.good());
  };
  write("sample", sample_results());
  write("long", long_results());
  write("hostile", hostile_results());
  write("tiny", tiny_results());
  write("empty", {});
}

}  // namespace
}  // namespace cairn
