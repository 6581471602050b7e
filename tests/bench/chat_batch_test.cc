// Property: every chat is sent once, no more at a time than asked for, and the first one that fails is told.
#include "bench/chat_batch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>

#include "bench/chat_server.h"

namespace cairn {
namespace {

using test::ChatServer;

class ChatBatchTest : public ::testing::Test {
 protected:
  static ChatBatch batch(const ChatServer& server, std::size_t chats) {
    ChatBatch batch;
    batch.base_url = server.base_url();
    batch.model = "m";
    for (std::size_t i = 0; i < chats; ++i) {
      batch.chats.push_back({{ChatTurn::Role::kUser, "question #" + std::to_string(i + 1) + ":"}});
    }
    return batch;
  }
  const SystemClock clock_;
  std::atomic<bool> stop_{false};
};

TEST_F(ChatBatchTest, EachIsAskedOnceInOrder) {
  ChatServer server([](auto, auto) { return ChatServer::Plan{}; });
  const Result<ChatBatchReport> report = ask_each(batch(server, 5), {clock_, stop_, {}});
  ASSERT_TRUE(report) << report.error().detail;
  EXPECT_EQ(report->prompt_tokens, std::vector<std::uint64_t>(5, 50));
  EXPECT_EQ(report->total_tokens(), 250u);
  EXPECT_GT(report->tokens_per_s(), 0);
  const auto chats = server.chats();
  ASSERT_EQ(chats.size(), 5u);
  for (std::uint32_t i = 0; i < 5; ++i) {
    EXPECT_EQ(ChatServer::question_of(chats[i]), i + 1);
    EXPECT_EQ(chats[i].body["max_tokens"], 1);
    EXPECT_EQ(chats[i].body["temperature"], 0);
  }
}

TEST_F(ChatBatchTest, NoneIsDoneAtOnce) {
  ChatServer server([](auto, auto) { return ChatServer::Plan{}; });
  ASSERT_TRUE(ask_each(batch(server, 0), {clock_, stop_, {}}));
  ChatBatch many = batch(server, 7);
  many.at_once = 100;
  ASSERT_TRUE(ask_each(many, {clock_, stop_, {}}));
  EXPECT_EQ(server.chats().size(), 7u);
}

TEST_F(ChatBatchTest, ARefusalEndsItWithItsReason) {
  ChatServer server([](auto, std::uint32_t question) {
    ChatServer::Plan plan;
    if (question == 2) plan.fault = ChatServer::Plan::Fault::kBusy;
    return plan;
  });
  const Result<ChatBatchReport> report = ask_each(batch(server, 5), {clock_, stop_, {}});
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().detail.find("the queue is full"), std::string::npos);
  EXPECT_EQ(server.chats().size(), 2u);
}

TEST_F(ChatBatchTest, AStopEndsTheWait) {
  ChatServer server([](auto, auto) {
    ChatServer::Plan plan;
    plan.first_us = 60'000'000;
    return plan;
  });
  const Result<ChatBatchReport> report =
      ask_each(batch(server, 2), {clock_, stop_, [this](std::size_t) { stop_ = true; }});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
}

QaWorkload workload(bool prebuilt) {
  QaWorkload workload;
  workload.users = 6;
  workload.rounds = 5;
  workload.qps = 2;
  workload.history_words = 20;
  workload.answer_tokens = 4;
  workload.filler_seed = 3;
  workload.prebuilt_history = prebuilt;
  return workload;
}

// What a run sends, with its own ticks: the first question of each user who was there from the start.
TEST(FirstChats, AreWhatARunSendsFirst) {
  for (const bool prebuilt : {false, true}) {
    MultiRoundQa qa(workload(prebuilt));
    std::map<std::uint32_t, std::string> sent;
    for (int tick = 0; tick < 100; ++tick) {
      for (const QaRequest& request : qa.tick(1000 + 0.1 * tick).send) {
        std::string text;
        for (const ChatTurn& turn : qa.chat(request.id)) text += turn.text + "\n";
        if (request.user_id <= 7) sent.emplace(request.user_id, text);
        qa.finished(request.id, "an answer");
      }
    }
    std::vector<std::string> expected, got;
    for (const auto& [user, text] : sent) expected.push_back(text);
    for (const auto& chat : first_chats(workload(prebuilt))) {
      std::string text;
      for (const ChatTurn& turn : chat) text += turn.text + "\n";
      got.push_back(text);
    }
    EXPECT_EQ(got, expected);
    EXPECT_GE(got.size(), 6u);
  }
}

}  // namespace
}  // namespace cairn
