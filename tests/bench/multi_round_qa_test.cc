// Who asks when follows from the workload's numbers alone. The expected times are computed by hand from
// g = N/Q, life = g(R-1), J = life/N; 15 users, 2 requests/s and 20 rounds give 7.5, 142.5 and 9.5 seconds.
#include "bench/multi_round_qa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace cairn {
namespace {

using testing::ElementsAre;

constexpr double kTick = 0.125;  // exact in binary, so that strict comparisons are what they seem
constexpr double kStart = 1024;

QaWorkload published() {
  QaWorkload workload;
  workload.users = 15;
  workload.rounds = 20;
  workload.qps = 2;
  workload.system_words = 3;
  workload.history_words = 2;
  workload.answer_tokens = 4;
  return workload;
}

struct Sent {
  double at_s;
  std::uint32_t user, question;
  bool operator==(const Sent&) const = default;
};

// Runs until `end_s` after the start; answers come `latency_s` after the question (at the first tick from then on).
std::vector<Sent> run(MultiRoundQa& qa, double end_s, double latency_s = 0, std::vector<QaLate>* late = nullptr) {
  std::vector<Sent> sent;
  std::multimap<double, QaRequestId> due;
  for (double at = 0; at <= end_s; at += kTick) {
    while (!due.empty() && due.begin()->first <= at) {
      qa.finished(due.begin()->second, "an answer");
      due.erase(due.begin());
    }
    const MultiRoundQa::Turn turn = qa.tick(kStart + at);
    for (const QaRequest& request : turn.send) {
      sent.push_back({at, request.user_id, request.question});
      due.emplace(at + latency_s, request.id);
    }
    if (late != nullptr) late->insert(late->end(), turn.late.begin(), turn.late.end());
    while (!due.empty() && due.begin()->first <= at) {
      qa.finished(due.begin()->second, "an answer");
      due.erase(due.begin());
    }
  }
  return sent;
}

std::vector<double> times_of(const std::vector<Sent>& sent, std::uint32_t user) {
  std::vector<double> times;
  for (const Sent& one : sent) {
    if (one.user == user) times.push_back(one.at_s);
  }
  return times;
}

TEST(MultiRoundQa, ThePublishedNumbersGiveThePublishedGaps) {
  const QaPlan plan = plan_of(published());
  EXPECT_DOUBLE_EQ(plan.gap_s, 7.5);
  EXPECT_DOUBLE_EQ(plan.life_s, 142.5);
  EXPECT_DOUBLE_EQ(plan.join_gap_s, 9.5);
  EXPECT_DOUBLE_EQ(plan.ramp_s, 142.5);
}

TEST(MultiRoundQa, FirstSessionsHaveTheAgesOfASteadyState) {
  const QaPlan plan = plan_of(published());
  // Age life - i*J; a question at each g of it. i: questions asked, seconds since the last one.
  const std::vector<std::pair<std::uint32_t, double>> by_hand = {{20, 0},  {18, 5.5}, {17, 3.5}, {16, 1.5}, {14, 7},
                                                                 {13, 5},  {12, 3},   {11, 1},   {9, 6.5},  {8, 4.5},
                                                                 {7, 2.5}, {6, 0.5},  {4, 6},    {3, 4},    {2, 2}};
  for (std::uint32_t i = 0; i < by_hand.size(); ++i) {
    EXPECT_EQ(age_of(plan, i).questions, by_hand[i].first) << i;
    EXPECT_DOUBLE_EQ(age_of(plan, i).since_last_s, by_hand[i].second) << i;
  }
}

TEST(MultiRoundQa, EachFirstSessionAsksAtTheFirstTickAfterItsGap) {
  MultiRoundQa qa(published());
  const std::vector<Sent> sent = run(qa, 9);
  // Strictly more than g since the last question: due at 2.0 means the tick after it.
  std::vector<Sent> first;
  std::set<std::uint32_t> seen;
  for (const Sent& one : sent) {
    if (seen.insert(one.user).second) first.push_back(one);
  }
  EXPECT_THAT(first, ElementsAre(Sent{0, 16, 1},            // joined at the first tick
                                 Sent{0.5 + kTick, 5, 15},  // since 7.0
                                 Sent{1 + kTick, 9, 10},    // since 6.5
                                 Sent{1.5 + kTick, 13, 5},  // since 6.0
                                 Sent{2 + kTick, 2, 19},    // since 5.5
                                 Sent{2.5 + kTick, 6, 14},  // since 5.0
                                 Sent{3 + kTick, 10, 9},    // since 4.5
                                 Sent{3.5 + kTick, 14, 4},  // since 4.0
                                 Sent{4 + kTick, 3, 18},    // since 3.5
                                 Sent{4.5 + kTick, 7, 13},  // since 3.0
                                 Sent{5 + kTick, 11, 8},    // since 2.5
                                 Sent{5.5 + kTick, 15, 3},  // since 2.0
                                 Sent{6 + kTick, 4, 17},    // since 1.5
                                 Sent{6.5 + kTick, 8, 12},  // since 1.0
                                 Sent{7 + kTick, 12, 7}));  // since 0.5; user 1 (age life) is never served
}

TEST(MultiRoundQa, OneMoreUserJoinsAtTheFirstTickAndOneAfterEachJ) {
  MultiRoundQa qa(published());
  static_cast<void>(qa.tick(kStart));
  EXPECT_EQ(qa.joined(), 16u);
  EXPECT_EQ(qa.sessions(), 15u) << "the oldest has no question left and ends at once";
  static_cast<void>(qa.tick(kStart + 9.5));
  EXPECT_EQ(qa.joined(), 16u) << "not more than J yet";
  static_cast<void>(qa.tick(kStart + 9.5 + kTick));
  EXPECT_EQ(qa.joined(), 17u);
  static_cast<void>(qa.tick(kStart + 19 + kTick));
  EXPECT_EQ(qa.joined(), 17u) << "J counts from the last join, not from a grid";
  static_cast<void>(qa.tick(kStart + 19 + 2 * kTick));
  EXPECT_EQ(qa.joined(), 18u);
}

TEST(MultiRoundQa, AFastServerSeesTheOfferedRateAndAStablePopulation) {
  MultiRoundQa qa(published());
  const std::vector<Sent> sent = run(qa, 1200, 0.5);
  EXPECT_GE(qa.sessions(), 14u);
  EXPECT_LE(qa.sessions(), 16u);
  // Joins are J and a tick apart and each session asks 20 times: 20 / 9.625 = 2.078 a second.
  EXPECT_NEAR(static_cast<double>(sent.size()) / 1200, 2.078, 0.02);
}

TEST(MultiRoundQa, ANewSessionAsksAllItsRoundsAndLeaves) {
  MultiRoundQa qa(published());
  const std::vector<Sent> sent = run(qa, 160);
  const std::vector<double> times = times_of(sent, 16);
  ASSERT_EQ(times.size(), 20u);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_DOUBLE_EQ(times[i], static_cast<double>(i) * (7.5 + kTick)) << "the gap counts from tick to tick";
  }
}

TEST(MultiRoundQa, ASlowAnswerHoldsItsUserUpAndNothingIsCaughtUp) {
  MultiRoundQa qa(published());
  const std::vector<Sent> sent = run(qa, 100, 20);
  EXPECT_THAT(times_of(sent, 16), ElementsAre(0, 20, 40, 60, 80, 100));
}

TEST(MultiRoundQa, WithoutAnswersThePopulationGrows) {
  MultiRoundQa qa(published());
  run(qa, 300, 1e9);
  EXPECT_EQ(qa.joined(), 16u + 31u) << "one each J plus a tick: 300 / 9.625";
  EXPECT_EQ(qa.sessions(), 15u + 31u);
  EXPECT_EQ(qa.in_flight(), qa.sessions());
}

TEST(MultiRoundQa, ALateAnswerIsWarnedOfAtMostEachTenSeconds) {
  QaWorkload workload = published();
  workload.users = 1;
  workload.rounds = 1000;  // nobody joins for a long time
  workload.qps = 1;
  std::vector<QaLate> late;
  MultiRoundQa qa(workload);
  run(qa, 40, 1e9, &late);
  std::vector<double> waits;
  for (const QaLate& one : late) {
    if (one.user_id == 2) waits.push_back(one.waiting_s);
  }
  EXPECT_THAT(waits, ElementsAre(1 + kTick, 11 + 2 * kTick, 21 + 3 * kTick, 31 + 4 * kTick));
}

TEST(MultiRoundQa, PromptsAreWordForWord) {
  QaWorkload workload = published();
  workload.init_user_id = 41;
  MultiRoundQa qa(workload);
  const MultiRoundQa::Turn turn = qa.tick(kStart);
  ASSERT_EQ(turn.send.size(), 1u);
  EXPECT_EQ(turn.send[0].user_id, 57u);
  const std::vector<ChatTurn>& chat = qa.chat(turn.send[0].id);
  ASSERT_EQ(chat.size(), 1u);
  EXPECT_EQ(chat[0].role, ChatTurn::Role::kUser);
  EXPECT_EQ(chat[0].text,
            "Hi, here's some system prompt: hi hi hi.For user 57, here are some other context: hi hi."
            "Here's question #1: can you tell me a new long story with a happy ending?");
}

TEST(MultiRoundQa, EachRoundSendsTheWholeChat) {
  MultiRoundQa qa(published());
  const QaRequest first = qa.tick(kStart).send.at(0);
  qa.finished(first.id, "Once upon a time.");
  QaRequest second;
  for (const QaRequest& request : qa.tick(kStart + 7.75).send) {
    if (request.user_id == 16) second = request;
  }
  ASSERT_EQ(second.question, 2u);
  const std::vector<ChatTurn>& chat = qa.chat(second.id);
  ASSERT_EQ(chat.size(), 3u);
  EXPECT_TRUE(chat[0].text.starts_with("Hi, here's some system prompt: "));
  EXPECT_EQ(chat[1].role, ChatTurn::Role::kAssistant);
  EXPECT_EQ(chat[1].text, "Once upon a time.");
  EXPECT_EQ(chat[2].text, "Here's question #2: can you tell me a new long story with a happy ending?");
}

TEST(MultiRoundQa, AnAgedSessionStartsWithAnEmptyChatUnlessHistoriesArePrebuilt) {
  QaWorkload workload = published();
  for (const bool prebuilt : {false, true}) {
    workload.prebuilt_history = prebuilt;
    MultiRoundQa qa(workload);
    static_cast<void>(qa.tick(kStart));
    const MultiRoundQa::Turn turn = qa.tick(kStart + 0.625);
    ASSERT_EQ(turn.send.size(), 1u);
    EXPECT_EQ(turn.send[0].user_id, 5u);
    EXPECT_EQ(turn.send[0].question, 15u);
    const std::vector<ChatTurn>& chat = qa.chat(turn.send[0].id);
    ASSERT_EQ(chat.size(), prebuilt ? 29u : 1u);
    EXPECT_TRUE(chat.front().text.starts_with("Hi, here's some system prompt: hi hi hi.For user 5, "));
    EXPECT_NE(chat.front().text.find(prebuilt ? "question #1:" : "question #15:"), std::string::npos);
    EXPECT_NE(chat.back().text.find("question #15:"), std::string::npos);
    if (prebuilt) {
      EXPECT_EQ(chat[1].text, "hi hi hi hi") << "answer_tokens words";
    }
  }
}

TEST(MultiRoundQa, AFailedQuestionLeavesTheChatAndTheUserGoesOn) {
  MultiRoundQa qa(published());
  qa.finished(qa.tick(kStart).send.at(0).id, std::nullopt);
  EXPECT_EQ(qa.in_flight(), 0u);
  for (const QaRequest& request : qa.tick(kStart + 7.75).send) {
    if (request.user_id != 16) continue;
    EXPECT_EQ(request.question, 2u);
    ASSERT_EQ(qa.chat(request.id).size(), 1u);
    EXPECT_TRUE(qa.chat(request.id)[0].text.starts_with("Hi, here's some system prompt: "));
    return;
  }
  FAIL() << "the user asks no more";
}

TEST(MultiRoundQa, ExpectedRequestsAreThoseOfAServerThatAnswersAtOnce) {
  // Ticks of 0.1 s: a session of 20 questions joins each 9.6 s.
  EXPECT_NEAR(static_cast<double>(expected_requests(published(), 600)), 20 * 600 / 9.6, 12);
  EXPECT_NE(plan_text(published(), 600).find("9.500"), std::string::npos);
}

TEST(MultiRoundQa, WordsThatMakeNoWorkloadAreRefused) {
  EXPECT_TRUE(published().validate());
  const auto refused = [](auto change) {
    QaWorkload workload = published();
    change(workload);
    return !workload.validate();
  };
  EXPECT_TRUE(refused([](QaWorkload& w) { w.users = 0; }));
  EXPECT_TRUE(refused([](QaWorkload& w) { w.users = w.sessions_max + 1; }));
  EXPECT_TRUE(refused([](QaWorkload& w) { w.rounds = 1; }));
  EXPECT_TRUE(refused([](QaWorkload& w) { w.qps = 0; }));
  EXPECT_TRUE(refused([](QaWorkload& w) { w.qps = -1; }));
  EXPECT_TRUE(refused([](QaWorkload& w) { w.answer_tokens = 0; }));
}

TEST(MultiRoundQa, NobodyJoinsBeyondTheBound) {
  QaWorkload workload = published();
  workload.sessions_max = 20;
  MultiRoundQa qa(workload);
  run(qa, 600, 1e9);
  EXPECT_EQ(qa.sessions(), 20u);
}

}  // namespace
}  // namespace cairn
