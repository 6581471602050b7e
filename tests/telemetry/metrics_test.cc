// Property: the exposition is Prometheus text: one HELP and TYPE a family, _total once on counters, cumulative buckets.
#include "telemetry/metrics.h"

#include <gmock/gmock.h>

#include <thread>

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

TEST(Metrics, CountersEndInTotalExactlyOnce) {
  const auto metrics = make_metrics();
  metrics->counter("cairn_a_hits_total", "hits").add(2);
  metrics->counter("cairn_a_misses", "misses", {{"reason", "absent"}}).add();
  metrics->counter("cairn_a_misses_total", "misses", {{"reason", "corrupt"}}).add(4);
  const std::string text = metrics->expose();
  EXPECT_THAT(text,
              HasSubstr("# HELP cairn_a_hits_total hits\n# TYPE cairn_a_hits_total counter\ncairn_a_hits_total 2\n"));
  EXPECT_THAT(text, HasSubstr("cairn_a_misses_total{reason=\"absent\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cairn_a_misses_total{reason=\"corrupt\"} 4\n"));
  EXPECT_THAT(text, Not(HasSubstr("_total_total")));
  EXPECT_EQ(occurrences(text, "# TYPE cairn_a_misses_total"), 1u);
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameObject) {
  const auto metrics = make_metrics();
  Counter& a = metrics->counter("vllm:prompt_tokens", "t", {{"engine", "0"}});
  Counter& b = metrics->counter("vllm:prompt_tokens", "t", {{"engine", "0"}});
  EXPECT_EQ(&a, &b);
  Gauge& g = metrics->gauge("lmcache:local_storage_usage", "bytes");
  g.set(5);
  g.add(-2);
  EXPECT_EQ(metrics->gauge("lmcache:local_storage_usage", "bytes").value(), 3);
}

TEST(Metrics, HistogramsAreCumulativeWithSumAndCount) {
  const auto metrics = make_metrics();
  Histogram& h = metrics->histogram("cairn_a_seconds", "time", {0.1, 1}, {{"op", "get"}});
  h.observe(0.05);
  h.observe(0.5);
  h.observe(5);
  const std::string text = metrics->expose();
  EXPECT_THAT(text, HasSubstr("# TYPE cairn_a_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("cairn_a_seconds_count{op=\"get\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("cairn_a_seconds_sum{op=\"get\"} 5.55"));
  EXPECT_THAT(text, HasSubstr("cairn_a_seconds_bucket{op=\"get\",le=\"0.1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cairn_a_seconds_bucket{op=\"get\",le=\"1\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("cairn_a_seconds_bucket{op=\"get\",le=\"+Inf\"} 3\n"));
}

TEST(Metrics, LabelValuesAndHelpAreEscaped) {
  const auto metrics = make_metrics();
  metrics->gauge("cairn_a_path", "one\nline", {{"path", "a\"b\\c\nd"}}).set(1);
  const std::string text = metrics->expose();
  EXPECT_THAT(text, HasSubstr("# HELP cairn_a_path one\\nline\n"));
  EXPECT_THAT(text, HasSubstr("cairn_a_path{path=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(Metrics, AddsFromManyThreadsAllCount) {
  const auto metrics = make_metrics();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Counter& counter = metrics->counter("cairn_a_events", "e");
      Histogram& histogram = metrics->histogram("cairn_a_sizes", "s", {1, 2});
      for (int i = 0; i < 1000; ++i) counter.add(), histogram.observe(1);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(metrics->counter("cairn_a_events", "e").value(), 4000);
  EXPECT_THAT(metrics->expose(), HasSubstr("cairn_a_sizes_bucket{le=\"1\"} 4000\n"));
}

TEST(MetricsDeathTest, OneNameOfTwoKindsIsABug) {
  const auto metrics = make_metrics();
  metrics->gauge("cairn_a_total", "g");
  EXPECT_DEATH(metrics->counter("cairn_a_total", "c"), "one kind");
}

}  // namespace
}  // namespace cairn
