// The figures are those of the published script, computed here by hand from a short list of requests.
#include "bench/qa_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn {
namespace {

using testing::HasSubstr;

RequestRecord finished(double launch_s, double ttft_s, double generation_s, std::uint64_t prompt,
                       std::uint64_t output) {
  RequestRecord record;
  record.user_id = 1;
  record.launch_s = launch_s;
  record.ttft_s = ttft_s;
  record.generation_s = generation_s;
  record.finish_s = launch_s + ttft_s + generation_s;
  record.prompt_tokens = prompt;
  record.generation_tokens = output;
  return record;
}

RequestRecord ended(RequestRecord::End end, double launch_s, double finish_s, const std::string& error = "") {
  RequestRecord record;
  record.end = end;
  record.launch_s = launch_s;
  record.finish_s = finish_s;
  record.error = error;
  return record;
}

// First tick at 1000; finishes at 1002, 1005, 1010 and 1020.
std::vector<RequestRecord> by_hand() {
  return {finished(1000, 0.5, 1.5, 100, 30), finished(1002, 1, 2, 200, 10), finished(1004, 2, 4, 300, 20),
          finished(1008, 4, 8, 400, 40)};
}

TEST(QaSummary, FiguresOfAWholeRunAreThoseOfTheFormulas) {
  const std::vector<RequestRecord> records = by_hand();
  const SummaryWindow window = summary_window(records, 1000, 0, 1025);
  EXPECT_DOUBLE_EQ(window.start_s, 1000) << "the first tick, not the epoch";
  EXPECT_DOUBLE_EQ(window.end_s, 1020) << "the last finish, not the end of the wait";
  const QaSummary sum = summarise(records, window, 2, 3);
  EXPECT_DOUBLE_EQ(sum.configured_qps, 2);
  EXPECT_DOUBLE_EQ(sum.actual_qps, 7.0 / 20) << "4 launched and 3 in flight";
  EXPECT_DOUBLE_EQ(sum.processing_speed, 4.0 / 20);
  EXPECT_EQ(sum.in_flight, 3u);
  EXPECT_DOUBLE_EQ(sum.input_tokens_per_s, 1000.0 / 20);
  EXPECT_DOUBLE_EQ(sum.output_tokens_per_s, 100.0 / 20);
  EXPECT_DOUBLE_EQ(*sum.mean_generation_speed, (20.0 + 5 + 5 + 5) / 4) << "a mean of quotients";
  EXPECT_DOUBLE_EQ(*sum.ttft_s.mean, 7.5 / 4);
  EXPECT_DOUBLE_EQ(*sum.end_to_end_s.mean, (2.0 + 3 + 6 + 12) / 4);
}

TEST(QaSummary, AWindowKeepsWhatFinishedInItAndCountsWhatWasLaunchedInIt) {
  const std::vector<RequestRecord> records = by_hand();
  const SummaryWindow window = summary_window(records, 1000, 1003, 1010);
  const QaSummary sum = summarise(records, window, 2, 1);
  EXPECT_EQ(sum.launched, 2u) << "at 1004 and 1008";
  EXPECT_EQ(sum.finished, 2u) << "at 1005 and 1010, the border included";
  EXPECT_DOUBLE_EQ(sum.actual_qps, 3.0 / 7);
  EXPECT_DOUBLE_EQ(sum.input_tokens_per_s, 500.0 / 7);
  EXPECT_DOUBLE_EQ(*sum.ttft_s.mean, 1.5);
}

TEST(QaSummary, PercentilesLieOnALineBetweenTheNearestRanks) {
  const std::vector<double> values = {1, 2, 4, 8};
  EXPECT_DOUBLE_EQ(*percentile(values, 0), 1);
  EXPECT_DOUBLE_EQ(*percentile(values, 50), 3);            // rank 1.5
  EXPECT_DOUBLE_EQ(*percentile(values, 90), 4 + 0.7 * 4);  // rank 2.7
  EXPECT_DOUBLE_EQ(*percentile(values, 99), 4 + 0.97 * 4);
  EXPECT_DOUBLE_EQ(*percentile(values, 100), 8);
  EXPECT_DOUBLE_EQ(*percentile(std::vector<double>{5}, 99), 5);
  EXPECT_FALSE(percentile({}, 50));
  const Spread spread = spread_of({8, 1, 4, 2});
  EXPECT_DOUBLE_EQ(*spread.mean, 3.75);
  EXPECT_DOUBLE_EQ(*spread.p50, 3);
}

TEST(QaSummary, GapsOfAllAnswersAreOnePopulation) {
  std::vector<RequestRecord> records = by_hand();
  records[0].gaps_s = {0.25f, 0.5f};
  records[1].gaps_s = {0.75f};
  const QaSummary sum = summarise(records, summary_window(records, 1000, 0, 1025), 2);
  EXPECT_DOUBLE_EQ(*sum.gap_s.mean, 0.5);
  EXPECT_DOUBLE_EQ(*sum.gap_s.p50, 0.5);
  EXPECT_DOUBLE_EQ(*sum.gap_s.p90, 0.7);
}

TEST(QaSummary, FailedAndCutRequestsAreOfferedButNotServed) {
  std::vector<RequestRecord> records = by_hand();
  records.push_back(ended(RequestRecord::End::kFailed, 1001, 1001.5, "HTTP 429"));
  records.push_back(ended(RequestRecord::End::kFailed, 1003, 1024, "HTTP 429"));
  records.push_back(ended(RequestRecord::End::kInFlight, 1009, 1025));
  const SummaryWindow window = summary_window(records, 1000, 0, 1025);
  EXPECT_DOUBLE_EQ(window.end_s, 1020) << "only what finished counts";
  const QaSummary sum = summarise(records, window, 2);
  EXPECT_EQ(sum.finished, 4u);
  EXPECT_EQ(sum.failed, 2u);
  EXPECT_EQ(sum.in_flight, 1u);
  EXPECT_EQ(sum.errors.at("HTTP 429"), 2u);
  EXPECT_DOUBLE_EQ(sum.actual_qps, 7.0 / 20);
  EXPECT_DOUBLE_EQ(sum.processing_speed, 4.0 / 20);
  EXPECT_DOUBLE_EQ(*sum.ttft_s.mean, 7.5 / 4);
  EXPECT_DOUBLE_EQ(*sum.ttft_with_cut_s.mean, (7.5 + 16) / 5) << "the cut one had waited from 1009 to 1025";
  EXPECT_THAT(to_text(sum), HasSubstr("2 x HTTP 429"));
  EXPECT_THAT(to_text(sum), HasSubstr("at least, with those cut"));
  records.back().ttft_s = 3;  // its answer had begun
  EXPECT_DOUBLE_EQ(*summarise(records, window, 2).ttft_with_cut_s.mean, 10.5 / 5);
}

TEST(QaSummary, TheSteadyRateBeginsWhenEachServerHasAnsweredOne) {
  const std::vector<RequestRecord> records = by_hand();
  EXPECT_DOUBLE_EQ(*steady_rate(records, 1), 3.0 / 18);
  EXPECT_DOUBLE_EQ(*steady_rate(records, 2), 2.0 / 15);
  EXPECT_FALSE(steady_rate(records, 3)) << "two after three say too little";
  EXPECT_FALSE(steady_rate(records, 0));
  const std::vector<RequestRecord> at_once(4, records[0]);
  EXPECT_FALSE(steady_rate(at_once, 2));
}

TEST(QaSummary, TokensFromTheCacheAreSummedByTier) {
  std::vector<RequestRecord> records = by_hand();
  EXPECT_FALSE(summarise(records, summary_window(records), 2).cached_tokens);
  records[0].cached_tokens = 64;
  records[0].cached_by_tier = {{"device", 32}, {"ram", 32}};
  records[1].cached_tokens = 16;
  records[1].cached_by_tier = {{"ram", 16}};
  const QaSummary sum = summarise(records, summary_window(records), 2);
  EXPECT_EQ(sum.cached_tokens, 80u);
  EXPECT_EQ(sum.cached_by_tier.at("ram"), 48u);
  EXPECT_THAT(to_text(sum), HasSubstr("8.0 %"));
}

TEST(QaSummary, NothingDividesByNothing) {
  const QaSummary empty = summarise({}, summary_window({}), 2);
  EXPECT_DOUBLE_EQ(empty.processing_speed, 0);
  EXPECT_FALSE(empty.mean_generation_speed);
  std::vector<RequestRecord> records = {finished(1000, 0.5, 0, 10, 1)};
  const QaSummary sum = summarise(records, {1000.5, 1000.5}, 2);
  EXPECT_DOUBLE_EQ(sum.processing_speed, 0) << "a window without length";
  EXPECT_FALSE(sum.mean_generation_speed) << "an answer of one piece has no time after its first";
  for (const QaSummary& one : {empty, sum}) {
    EXPECT_THAT(to_text(one), testing::Not(HasSubstr("nan")));
    EXPECT_THAT(to_text(one), testing::Not(HasSubstr("inf")));
    EXPECT_THAT(to_line(one), testing::Not(HasSubstr("nan")));
  }
}

TEST(QaSummary, RowsOfAFileSpanFromTheFirstLaunchToTheLastFinish) {
  const SummaryWindow window = summary_window(by_hand());
  EXPECT_DOUBLE_EQ(window.start_s, 1000);
  EXPECT_DOUBLE_EQ(window.end_s, 1020);
}

}  // namespace
}  // namespace cairn
