#include "bench/route_bench.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(RouteBench, EveryTokenThatIsSentArrivesAndIsCounted) {
  RouteBenchOptions options;
  options.streams = 20;
  options.tokens = 10;
  options.token_interval_ms = 1;
  options.requests = 10;
  const auto report = bench_route(options, SystemClock());
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_EQ(report->tokens_sent, 200u);
  EXPECT_EQ(report->tokens_received, 200u);
  EXPECT_GT(report->direct_us, 0);
  EXPECT_GT(report->routed_us, 0);
  EXPECT_GT(report->router_cpu_us_per_token, 0);
  EXPECT_NE(to_text(options, *report).find("200 of 200 tokens arrived"), std::string::npos);
}

TEST(RouteBench, BrokenOptionsAreNamed) {
  RouteBenchOptions options;
  options.streams = 0;
  EXPECT_TRUE(options.validate().error().detail.starts_with("streams"));
}

}  // namespace
}  // namespace cairn
