// What is written reads back: rows to the last digit, errors with commas and quotes; the JSON is valid and finite.
#include "bench/qa_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::vector<RequestRecord> records() {
  RequestRecord first;
  first.user_id = 16;
  first.question = 1;
  first.launch_s = 1700000000.1234567;
  first.ttft_s = 1.0 / 3;
  first.generation_s = 0.1;
  first.finish_s = first.launch_s + first.ttft_s + first.generation_s;
  first.prompt_tokens = 120;
  first.generation_tokens = 32;
  first.cached_tokens = 96;
  first.cached_by_tier = {{"device", 32}, {"ram", 64}};
  first.answer_digest = "00ff";
  RequestRecord aged = first;
  aged.user_id = 5;
  aged.question = 15;
  aged.cached_tokens.reset();
  aged.cached_by_tier.clear();
  RequestRecord failed = aged;
  failed.end = RequestRecord::End::kFailed;
  failed.question = 16;
  failed.error = "HTTP 400: \"no, not this\"";
  failed.answer_digest = "";
  RequestRecord next = aged;
  next.question = 17;
  RequestRecord cut = failed;
  cut.end = RequestRecord::End::kInFlight;
  cut.question = 18;
  cut.error = "";
  return {first, aged, failed, next, cut};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(QaReport, ColumnsOfTheOriginalComeFirstAndInItsOrder) {
  const std::vector<std::string> lines = lines_of(to_csv(records()));
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_THAT(lines[0], StartsWith("prompt_tokens,generation_tokens,ttft,generation_time,user_id,question_id,"
                                   "launch_time,finish_time,"));
  EXPECT_THAT(lines[1], StartsWith("120,32,0.3333333333333333,0.1,5,1,1700000000.1234567,"));
  EXPECT_THAT(lines[2], StartsWith(",,,,5,,1700000000.1234567,,")) << "a failed request has no figures";
  EXPECT_THAT(lines[2], HasSubstr(",failed,\"HTTP 400: \"\"no, not this\"\"\""));
  EXPECT_THAT(lines[3], StartsWith("120,32,0.3333333333333333,0.1,5,2,")) << "renumbered over what finished";
  EXPECT_THAT(lines[4], StartsWith(",,0.3333333333333333,,5,,")) << "cut after its first text";
  EXPECT_THAT(lines[5], StartsWith("120,32,0.3333333333333333,0.1,16,1,"));
  EXPECT_THAT(lines[5], HasSubstr(",96,device:32;ram:64,1,00ff,finished,"));
}

TEST(QaReport, RowsReadBackToTheLastDigit) {
  const std::vector<RequestRecord> written = records();
  const std::string csv = to_csv(written);
  const Result<std::vector<RequestRecord>> read = parse_csv(csv);
  ASSERT_TRUE(read) << read.error().detail;
  ASSERT_EQ(read->size(), written.size());
  const RequestRecord& first = read->back();
  EXPECT_EQ(first.launch_s, written[0].launch_s);
  EXPECT_EQ(first.ttft_s, written[0].ttft_s);
  EXPECT_EQ(first.finish_s, written[0].finish_s);
  EXPECT_EQ(first.cached_tokens, 96u);
  EXPECT_EQ(first.cached_by_tier, written[0].cached_by_tier);
  EXPECT_EQ((*read)[1].error, written[2].error);
  EXPECT_EQ((*read)[3].end, RequestRecord::End::kInFlight);
  const QaSummary before = summarise(written, summary_window(written), 2);
  const QaSummary after = summarise(*read, summary_window(*read), 2);
  EXPECT_EQ(to_text(before), to_text(after));
  EXPECT_EQ(to_csv(*read), csv);
}

TEST(QaReport, RowsOfTheOriginalScriptAreRead) {
  const Result<std::vector<RequestRecord>> read = parse_csv(
      "prompt_tokens,generation_tokens,ttft,generation_time,user_id,question_id,launch_time,finish_time\r\n"
      "1013,100,0.05,1.25,2,1,1000.5,1001.8\r\n"
      "2044.0,7,1e-05,0.5,2,2,1008,1008.50001\n");
  ASSERT_TRUE(read) << read.error().detail;
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[1].prompt_tokens, 2044u);
  EXPECT_EQ((*read)[1].question, 2u);
  const QaSummary sum = summarise(*read, summary_window(*read), 0);
  EXPECT_DOUBLE_EQ(sum.processing_speed, 2 / (1008.50001 - 1000.5));
}

TEST(QaReport, AFileThatIsNoSuchTableIsRefusedWithItsLine) {
  const auto error_of = [](const char* text) {
    const auto read = parse_csv(text);
    return read ? std::string("no error") : read.error().detail;
  };
  EXPECT_THAT(error_of(""), HasSubstr("no rows"));
  EXPECT_THAT(error_of("a,b\n1,2\n"), HasSubstr("no column prompt_tokens"));
  const std::string head =
      "prompt_tokens,generation_tokens,ttft,generation_time,user_id,question_id,launch_time,finish_time\n";
  EXPECT_THAT(error_of((head + "1,1,x,1,1,1,1,1\n").c_str()), HasSubstr("line 2: ttft is 'x'"));
  EXPECT_THAT(error_of((head + "1,1,1,1,1,1,1,1\n1,1\n").c_str()), HasSubstr("line 3: "));
  EXPECT_THAT(error_of((head + "1,1,nan,1,1,1,1,1\n").c_str()), HasSubstr("ttft"));
  EXPECT_THAT(error_of((head + "-1,1,1,1,1,1,1,1\n").c_str()), HasSubstr("prompt_tokens"));
}

TEST(QaReport, JsonHoldsTheFiguresAndIsFinite) {
  QaReport report;
  report.workload.users = 15;
  report.workload.rounds = 20;
  report.workload.qps = 2;
  report.records = records();
  report.summary = summarise(report.records, summary_window(report.records), 2);
  report.counted_tokens = {{"device", 32}, {"computed", 88}};
  const nlohmann::json json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["workload"]["join_gap_s"], 9.5);
  EXPECT_EQ(json["workload"]["filler_seed"], nullptr);
  EXPECT_EQ(json["summary"]["finished"], 3);
  EXPECT_EQ(json["summary"]["errors"]["HTTP 400: \"no, not this\""], 1);
  EXPECT_EQ(json["summary"]["cached_tokens_by_tier"]["ram"], 64);
  EXPECT_EQ(json["summary"]["itl_s"]["p50"], nullptr);
  EXPECT_EQ(json["counted_tokens_by_source"]["computed"], 88);
  ASSERT_EQ(json["requests"].size(), 5u);
  EXPECT_EQ(json["requests"][0]["ttft"].get<double>(), 1.0 / 3);
  EXPECT_EQ(json["requests"][2]["end"], "failed");
  report.summary.ttft_s.mean = std::numeric_limits<double>::quiet_NaN();
  report.summary.mean_generation_speed = std::numeric_limits<double>::infinity();
  EXPECT_EQ(nlohmann::json::parse(to_json(report))["summary"]["ttft_s"]["mean"], nullptr);
  report.records.clear();
  report.summary = summarise({}, {}, 2);
  EXPECT_TRUE(nlohmann::json::accept(to_json(report)));
}

TEST(QaReport, SharesOfCountedTokensAreOfTheirSum) {
  const std::string text = to_text(TokensBySource{{"computed", 25}, {"ram", 75}});
  EXPECT_THAT(text, HasSubstr("75 (75.0 %)"));
  EXPECT_EQ(to_text(TokensBySource{}), "");
}

}  // namespace
}  // namespace cairn
