// A run against a server that knows when it sent what: rows, times and figures are what the server saw; whatever it
// does wrong becomes a row with a reason, and the run ends.
#include "bench/qa_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "bench/chat_server.h"

namespace cairn {
namespace {

using test::ChatServer;
using test::ServedChat;
using testing::HasSubstr;
using Plan = ChatServer::Plan;
using Fault = Plan::Fault;

class QaRunTest : public testing::Test {
 protected:
  // Four users who ask five times a second each, five rounds: about 20 requests a second.
  static QaRunOptions options(const std::string& base_url, double time_s) {
    QaRunOptions run;
    run.workload.users = 4;
    run.workload.rounds = 5;
    run.workload.qps = 20;
    run.workload.system_words = 10;
    run.workload.history_words = 10;
    run.workload.answer_tokens = 7;
    run.workload.filler_seed = 1;
    run.base_url = base_url;
    run.model = "a-model";
    run.time_s = time_s;
    run.warm_up_chats = 2;
    run.request_timeout_s = 15;
    return run;
  }
  Result<QaReport> run(const QaRunOptions& options) {
    return run_multi_round_qa(options, {clock_, stop_, [this](const QaProgress& now) { progress_ = now; },
                                        [this](const std::string& line) { lines_.push_back(line); }});
  }
  SystemClock clock_;
  std::atomic<bool> stop_{false};
  QaProgress progress_;
  std::vector<std::string> lines_;
};

TEST_F(QaRunTest, EveryRequestIsARowWithTheTimesThatTheServerSaw) {
  ChatServer server([](std::uint32_t, std::uint32_t) { return Plan{30'000, 20'000, 3}; });
  QaRunOptions asked = options(server.base_url(), 1);
  asked.api_key = "k";
  asked.log_interval_s = 0.3;
  const Result<QaReport> report = run(asked);
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_FALSE(report->interrupted);
  EXPECT_EQ(report->summary.failed, 0u);
  EXPECT_GE(report->records.size(), 5u);
  EXPECT_EQ(report->summary.finished, report->records.size());
  const std::vector<ServedChat> chats = server.chats();
  ASSERT_EQ(chats.size(), report->records.size() + 2);
  double least_ttft_error = 1, least_gap_error = 1;
  for (const RequestRecord& record : report->records) {
    const auto chat = std::ranges::find_if(chats, [&](const ServedChat& one) {
      return ChatServer::user_of(one) == record.user_id && ChatServer::question_of(one) == record.question;
    });
    ASSERT_NE(chat, chats.end());
    EXPECT_THAT(chat->head, HasSubstr("POST /v1/chat/completions "));
    EXPECT_THAT(chat->head, HasSubstr("Authorization: Bearer k\r\n"));
    EXPECT_EQ(record.prompt_tokens, 50u);
    EXPECT_EQ(record.generation_tokens, 3u);
    EXPECT_EQ(record.cached_tokens, 40u);
    ASSERT_EQ(record.gaps_s.size(), 2u);
    const double sent_s = static_cast<double>(chat->pieces_us[0]) * 1e-6;
    const double ttft_error = record.launch_s + record.ttft_s - sent_s;
    EXPECT_GT(ttft_error, -0.001) << "nothing is seen before it is sent";
    EXPECT_GE(record.ttft_s, 0.03);
    EXPECT_NEAR(record.end_to_end_s(), record.ttft_s + record.generation_s, 1e-6);
    const double gap_s = static_cast<double>(chat->pieces_us[1] - chat->pieces_us[0]) * 1e-6;
    least_ttft_error = std::min(least_ttft_error, std::abs(ttft_error));
    least_gap_error = std::min(least_gap_error, std::abs(static_cast<double>(record.gaps_s[0]) - gap_s));
  }
  // A loaded machine delays some of them; a client that measures wrong is wrong in all of them.
  EXPECT_LT(least_ttft_error, 0.001);
  EXPECT_LT(least_gap_error, 0.001);
  EXPECT_EQ(report->counted_tokens.at("ram"), 50 * static_cast<double>(report->records.size())) << "no warm-up in it";
  EXPECT_EQ(progress_.finished, report->records.size());
  EXPECT_THAT(lines_, testing::Contains(HasSubstr("served")));
}

TEST_F(QaRunTest, AnswersEnterTheChatOfTheNextQuestion) {
  ChatServer server([](std::uint32_t, std::uint32_t) { return Plan{}; });
  ASSERT_TRUE(run(options(server.base_url(), 1)));
  std::size_t grown = 0;
  for (const ServedChat& chat : server.chats()) {
    const auto& messages = chat.body["messages"];
    ASSERT_EQ(messages.size() % 2, 1u);
    for (std::size_t i = 1; i < messages.size(); i += 2) {
      EXPECT_EQ(messages[i]["role"], "assistant");
      EXPECT_EQ(messages[i]["content"], "word word word ");
      ++grown;
    }
  }
  EXPECT_GT(grown, 0u);
}

TEST_F(QaRunTest, WhateverTheServerDoesWrongIsARowWithItsReason) {
  ChatServer server([](std::uint32_t user, std::uint32_t) {
    static constexpr Fault kFaults[] = {Fault::kNone, Fault::kBusy, Fault::kBreakOff, Fault::kErrorEvent,
                                        Fault::kGarbage};
    return Plan{0, 0, 2, user == 0 ? Fault::kNone : kFaults[user % 5]};
  });
  const Result<QaReport> report = run(options(server.base_url(), 1));
  ASSERT_TRUE(report) << report.error().detail;
  std::set<std::uint32_t> kinds;
  std::map<std::uint32_t, int> asked;
  for (const RequestRecord& record : report->records) {
    kinds.insert(record.user_id % 5);
    ++asked[record.user_id];
    EXPECT_EQ(record.finished(), record.user_id % 5 == 0) << record.user_id << ' ' << record.error;
    EXPECT_EQ(record.error.empty(), record.finished());
    if (record.user_id % 5 == 1) {
      EXPECT_EQ(record.error, "HTTP 429: the queue is full");
    }
    if (record.user_id % 5 == 3) {
      EXPECT_EQ(record.error, "the server: the engine is gone");
    }
  }
  EXPECT_GE(kinds.size(), 4u);
  EXPECT_TRUE(std::ranges::any_of(asked, [](const auto& user) { return user.second > 1; }))
      << "a user whose request failed asks again";
  EXPECT_EQ(report->summary.failed + report->summary.finished, report->records.size());
  EXPECT_GT(report->summary.failed, 0u);
}

TEST_F(QaRunTest, AServerThatIsNotThereIsSaidBeforeTheClockStarts) {
  std::string url;
  {
    const ChatServer gone([](std::uint32_t, std::uint32_t) { return Plan{}; });
    url = gone.base_url();
  }
  const Result<QaReport> report = run(options(url, 60));
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(report.error().detail, HasSubstr(url));
}

TEST_F(QaRunTest, AfterTheDrainTimeWhatHangsIsCutAndCounted) {
  ChatServer server(
      [](std::uint32_t user, std::uint32_t) { return Plan{0, 0, 1, user == 0 ? Fault::kNone : Fault::kHang}; });
  QaRunOptions asked = options(server.base_url(), 0.4);
  asked.drain_s = 0.2;
  const Result<QaReport> report = run(asked);
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_EQ(report->summary.finished, 0u);
  EXPECT_EQ(report->summary.in_flight, report->records.size());
  EXPECT_GE(report->records.size(), 2u);
}

TEST_F(QaRunTest, AServerThatHangsLongerThanTheTimeoutHasFailed) {
  ChatServer server(
      [](std::uint32_t user, std::uint32_t) { return Plan{0, 0, 1, user == 0 ? Fault::kNone : Fault::kHang}; });
  QaRunOptions asked = options(server.base_url(), 0.3);
  asked.request_timeout_s = 0.2;
  const Result<QaReport> report = run(asked);
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_GE(report->summary.failed, 1u);
  EXPECT_EQ(report->summary.failed, report->records.size());
}

TEST_F(QaRunTest, AStopEndsTheRunAsTheTimeDoes) {
  ChatServer server([this](std::uint32_t user, std::uint32_t) {
    if (user != 0) stop_.store(true);
    return Plan{};
  });
  const Result<QaReport> report = run(options(server.base_url(), 600));
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_TRUE(report->interrupted);
  EXPECT_GE(report->summary.finished, 1u);
}

TEST_F(QaRunTest, AStopInTheWarmUpEndsItToo) {
  ChatServer server([this](std::uint32_t, std::uint32_t) {
    stop_.store(true);
    return Plan{0, 0, 1, Fault::kHang};
  });
  const Result<QaReport> report = run(options(server.base_url(), 600));
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_TRUE(report->interrupted);
  EXPECT_TRUE(report->records.empty());
}

TEST_F(QaRunTest, TheBodyIsThatOfTheWorkload) {
  QaRunOptions asked = options("http://127.0.0.1:1", 1);
  const auto body = [&] {
    return chat_body(asked, {{ChatTurn::Role::kUser, "a \"q\""}, {ChatTurn::Role::kAssistant, "b"}}, 7);
  };
  EXPECT_EQ(nlohmann::json::parse(body()), nlohmann::json::parse(R"({
    "model": "a-model", "temperature": 0, "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 7,
    "messages": [{"role": "user", "content": "a \"q\""}, {"role": "assistant", "content": "b"}]})"));
  asked.ignore_eos = true;
  EXPECT_EQ(nlohmann::json::parse(body())["ignore_eos"], true);
}

TEST_F(QaRunTest, WordsThatMakeNoRunAreRefusedByName) {
  const auto refusal = [](auto change) {
    QaRunOptions asked = options("http://127.0.0.1:1/v1", 1);
    change(asked);
    const Result<void> valid = asked.validate();
    return valid ? std::string("fine") : valid.error().detail;
  };
  EXPECT_EQ(refusal([](QaRunOptions&) {}), "fine");
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.base_url = "https://host"; }), HasSubstr("base_url: "));
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.base_url = ""; }), HasSubstr("base_url: "));
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.model = ""; }), HasSubstr("model"));
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.time_s = -1; }), HasSubstr("time"));
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.drain_s = -1; }), HasSubstr("drain_time"));
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.log_interval_s = 0; }), HasSubstr("log_interval"));
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.request_timeout_s = 0; }), HasSubstr("request_timeout"));
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.warm_up_chats = 5000; }), HasSubstr("warm_up"));
  EXPECT_THAT(refusal([](QaRunOptions& o) { o.workload.qps = 0; }), HasSubstr("qps"));
}

TEST_F(QaRunTest, ProgressTellsRateAndTimeToGo) {
  QaProgress now;
  now.in_flight = 4;
  EXPECT_EQ(to_line(now), "warm-up: 4 chats to come");
  now.phase = QaProgress::Phase::kRunning;
  now.elapsed_s = 10;
  now.time_s = 60;
  now.finished = 20;
  now.ttft_sum_s = 5;
  EXPECT_EQ(to_line(now), "10 s of 60 s  20 done (2.00/s)  4 in flight  0 users  TTFT 0.250 s  50 s to go");
}

}  // namespace
}  // namespace cairn
