// Counters by source are found on a page in the Prometheus text format, and differences survive a restart.
#include "bench/metrics_page.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(MetricsPage, TokensBySourceAreSummedOverTheirSeries) {
  const TokensBySource tokens = prompt_tokens_by_source(
      "# HELP cairn_engine_prompt_tokens_total Prompt tokens by where they came from.\n"
      "# TYPE cairn_engine_prompt_tokens_total counter\n"
      "cairn_engine_prompt_tokens_total{source=\"device\"} 100\n"
      "cairn_engine_prompt_tokens_total{engine=\"1\",source=\"device\"} 20\n"
      "cairn_engine_prompt_tokens_total{source=\"a\\\"b} \"} 1\n"
      "cairn_engine_prompt_tokens_total{source=\"computed\"} 1.5e+03\n"
      "cairn_engine_prompt_tokens_total_created{source=\"ram\"} 7\n"
      "cairn_engine_prompt_tokens_total{source=\"ram\"} NaN\n"
      "vllm:prompt_tokens_total{model_name=\"m\"} 5");
  EXPECT_EQ(tokens.at("device"), 120);
  EXPECT_EQ(tokens.at("computed"), 1500);
  EXPECT_EQ(tokens.count("ram"), 0u);
}

TEST(MetricsPage, APageOfAnotherServerHasNone) {
  EXPECT_TRUE(prompt_tokens_by_source("").empty());
  EXPECT_TRUE(prompt_tokens_by_source("<html>\n</html>").empty());
  EXPECT_TRUE(prompt_tokens_by_source("cairn_engine_prompt_tokens_total{source=\"x").empty());
}

TEST(MetricsPage, DifferencesAreFromPageToPage) {
  const TokensBySource counted =
      counted_between({{"device", 10}, {"ram", 5}}, {{"device", 30}, {"ram", 2}, {"file", 4}});
  EXPECT_EQ(counted, (TokensBySource{{"device", 20}, {"ram", 2}, {"file", 4}})) << "ram began again";
}

}  // namespace
}  // namespace cairn
