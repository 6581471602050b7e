// Property: a request has one answer; what may be tried again is, within its time and the budget; bounds hold; keys
// that ended are fetched anew.
#include "s3/client.h"

#include <gtest/gtest.h>

#include <ctime>

#include "support/fake_bucket.h"

namespace cairn {
namespace {

using test::FakeBucket;
using Fault = FakeBucket::Fault;
using Seen = FakeBucket::Seen;

class S3ClientTest : public ::testing::Test {
 protected:
  S3ClientTest() {
    config_.bucket = "bucket";
    config_.region = "us-east-1";
    config_.endpoint = "127.0.0.1:1";
    config_.tls = false;
    config_.backoff_ms = 1;
  }
  S3Client& client() {
    if (!client_) {
      keeper_ = std::make_shared<CredentialKeeper>(
          [this]() -> Result<Credentials> { return Credentials::of("key" + std::to_string(++fetches_), "s", ""); },
          clock_);
      EXPECT_TRUE(keeper_->load(10'000'000));
      client_ = std::make_unique<S3Client>(config_, S3Deps{clock_, null_log(), *metrics_, bucket_, keeper_});
    }
    return *client_;
  }
  S3Answer ask(S3Op op, const std::string& key, std::int64_t time_us = 5'000'000) {
    S3Request request;
    request.op = op;
    request.key = key;
    request.deadline = clock_.after_us(time_us);
    return client().ask(std::move(request));
  }
  void fault_first(std::size_t count, Fault fault) {
    const auto asked = std::make_shared<std::size_t>(0);
    bucket_->script([=](const Seen&) { return ++*asked <= count ? fault : Fault{}; });
  }

  const SystemClock clock_;
  S3Config config_;
  std::atomic<int> fetches_{0};
  const std::unique_ptr<Metrics> metrics_ = make_metrics();
  const std::shared_ptr<FakeBucket> bucket_ = std::make_shared<FakeBucket>();
  std::shared_ptr<CredentialKeeper> keeper_;
  std::unique_ptr<S3Client> client_;
};

TEST_F(S3ClientTest, AnswersAreTyped) {
  bucket_->set_object("a", "hello");
  const S3Answer got = ask(S3Op::kGet, "a");
  EXPECT_EQ(got.verdict, S3Verdict::kDone);
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(ask(S3Op::kGet, "b").verdict, S3Verdict::kMissing);
  EXPECT_EQ(ask(S3Op::kHead, "a").head.content_length, 5u);
  EXPECT_EQ(ask(S3Op::kDelete, "a").verdict, S3Verdict::kDone);
  EXPECT_EQ(ask(S3Op::kHead, "a").verdict, S3Verdict::kMissing);
  EXPECT_NE(metrics_->expose().find("cairn_s3_requests_total{op=\"get\",status=\"404\"} 1"), std::string::npos);
}

TEST_F(S3ClientTest, AThrottledRequestIsTriedAgainAndNotForEver) {
  bucket_->set_object("a", "hello");
  fault_first(3, {.status = 503, .code = "SlowDown"});
  EXPECT_EQ(ask(S3Op::kGet, "a").verdict, S3Verdict::kDone);
  EXPECT_EQ(bucket_->count("GET"), 4u);
  fault_first(100, {.status = 503, .code = "SlowDown"});
  EXPECT_EQ(ask(S3Op::kGet, "a").verdict, S3Verdict::kThrottled);
  EXPECT_EQ(bucket_->count("GET"), 8u) << "attempts_max";
}

TEST_F(S3ClientTest, WhatIsNoUseIsNotTriedAgain) {
  for (const auto& [status, code] : {std::pair(404, "NoSuchKey"), {403, "AccessDenied"}, {400, "Odd"}, {412, "x"}}) {
    fault_first(100, {.status = status, .code = code});
    const std::size_t before = bucket_->count("GET");
    ask(S3Op::kGet, "a");
    EXPECT_EQ(bucket_->count("GET"), before + 1) << status;
  }
}

TEST_F(S3ClientTest, TheServersPatienceIsRespectedWithinOurTime) {
  bucket_->set_object("a", "hello");
  fault_first(1, {.status = 503, .code = "SlowDown", .head = {{"retry-after", "1"}}});
  const std::int64_t began_us = clock_.now_us();
  EXPECT_EQ(ask(S3Op::kGet, "a").verdict, S3Verdict::kDone);
  EXPECT_GE(clock_.now_us() - began_us, 1'000'000);
  fault_first(1, {.status = 503, .code = "SlowDown", .head = {{"retry-after", "5"}}});
  EXPECT_EQ(ask(S3Op::kGet, "a", 200'000).verdict, S3Verdict::kThrottled) << "it would come too late";
}

TEST_F(S3ClientTest, ASickServiceIsNotFloodedWithRetries) {
  fault_first(1000, {.status = 500, .code = "InternalError"});
  for (int i = 0; i < 30; ++i) ask(S3Op::kGet, "a");
  EXPECT_LE(bucket_->count("GET"), 30u + 20u);
}

// A HEAD's answer has no document: its status has to do.
TEST_F(S3ClientTest, RefusedKeysGetASecondTry) {
  bucket_->set_object("a", "hello");
  for (const S3Op op : {S3Op::kGet, S3Op::kHead}) {
    const std::size_t before = bucket_->seen().size();
    fault_first(1, {.status = 400, .code = op == S3Op::kGet ? "ExpiredToken" : ""});
    EXPECT_EQ(ask(op, "a").verdict, S3Verdict::kDone);
    EXPECT_EQ(bucket_->seen().size() - before, 2u);
  }
}

TEST_F(S3ClientTest, NoTimerOutlivesItsRequest) {
  bucket_->set_object("a", "hello");
  for (int i = 0; i < 20; ++i) ask(S3Op::kHead, "a", 60'000'000);
  client().drain(1'000'000);
  EXPECT_EQ(bucket_->timers(), 0u);
}

TEST_F(S3ClientTest, AWrongClockIsSetByTheService) {
  bucket_->set_object("a", "hello");
  fault_first(1, {.status = 403, .code = "RequestTimeTooSkewed", .head = {{"date", "Fri, 24 May 2013 00:00:00 GMT"}}});
  EXPECT_EQ(ask(S3Op::kGet, "a").verdict, S3Verdict::kDone);
  EXPECT_EQ(bucket_->seen().back().header("X-Amz-Date").substr(0, 8), "20130524");
  // Our clock is right again, as the service tells: its own date is near ours.
  char now[64];
  const std::time_t seconds = clock_.unix_time_us() / 1'000'000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::strftime(now, sizeof now, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  fault_first(1, {.status = 403, .head = {{"date", now}}});
  EXPECT_EQ(ask(S3Op::kHead, "a").verdict, S3Verdict::kDone);
  EXPECT_NE(bucket_->seen().back().header("X-Amz-Date").substr(0, 8), "20130524");
}

TEST_F(S3ClientTest, ADeadlineAndACancelEndWhatIsSilent) {
  bucket_->script([](const Seen&) { return Fault{.stall = true}; });
  EXPECT_EQ(ask(S3Op::kGet, "a", 50'000).verdict, S3Verdict::kTimeout);
  S3Request request;
  request.op = S3Op::kGet;
  request.key = "a";
  std::atomic<int> answers{0};
  std::atomic<S3Verdict> verdict{S3Verdict::kDone};
  request.done = [&](const S3Answer& answer) { verdict = answer.verdict, ++answers; };
  const S3RequestId id = client().submit(std::move(request));
  client().cancel(id);
  client().cancel(id);
  client().drain(10'000'000);
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(verdict, S3Verdict::kCancelled);
}

TEST_F(S3ClientTest, OneSilentTryLeavesTimeForAnother) {
  config_.attempt_ms = 50;
  bucket_->set_object("a", "hello");
  fault_first(1, {.stall = true});
  EXPECT_EQ(ask(S3Op::kGet, "a").verdict, S3Verdict::kDone);
}

TEST_F(S3ClientTest, EndlessDocumentsAreCutOff) {
  bucket_->set_object("a", std::string(9 << 20, 'x'));
  EXPECT_EQ(ask(S3Op::kGet, "a").verdict, S3Verdict::kRefused);
}

TEST_F(S3ClientTest, OneConnectionIsNeverTwoRequests) {
  config_.connections = 1;
  bucket_->script([](const Seen&) { return Fault{.stall = true}; });
  const Deadline until = clock_.after_us(100'000);
  for (int i = 0; i < 6; ++i) {
    S3Request request;
    request.op = i % 2 == 0 ? S3Op::kGet : S3Op::kHead;
    request.key = "a";
    request.deadline = until;
    request.done = [](const S3Answer&) {};
    client().submit(std::move(request));
  }
  client().drain(5'000'000);
  EXPECT_EQ(bucket_->seen().size(), 1u) << "the others waited until their time was over";
}

}  // namespace
}  // namespace cairn
