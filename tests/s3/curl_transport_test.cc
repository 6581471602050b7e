// Property: over real sockets an exchange ends once, in its time, whatever the server does; bodies arrive whole or the
// end says that they did not.
#include "s3/curl_transport.h"

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "s3/request.h"
#include "support/scripted_server.h"

namespace cairn {
namespace {

using test::ScriptedServer;
using test::ServedConnection;

class Asked final : public Exchange, public ResponseSink {
 public:
  ResponseSink& sink() override { return *this; }
  bool on_head(const ResponseHead& with) override {
    head = with;
    return true;
  }
  bool on_bytes(std::span<const std::byte> bytes) override {
    got.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return got.size() <= most;
  }
  void on_end(Result<void> with) override {
    MutexLock lock(mutex_);
    result = std::move(with);
    ++ends;
    there_.notify_all();
  }
  bool wait() {
    MutexLock lock(mutex_);
    while (ends == 0) {
      if (!there_.wait_for_us(mutex_, 20'000'000)) return ends > 0;
    }
    return true;
  }
  ResponseHead head;
  std::string got;
  std::size_t most = 1 << 24;
  Result<void> result;
  int ends = 0;

 private:
  Mutex mutex_;
  CondVar there_;
};

class CurlTransportTest : public ::testing::Test {
 protected:
  std::shared_ptr<Asked> ask(const ScriptedServer& server, const std::function<void(Asked&)>& change = {}) {
    if (!transport_) transport_ = *make_curl_transport(config_, clock_);
    auto asked = std::make_shared<Asked>();
    asked->url = "http://127.0.0.1:" + std::to_string(server.port()) + "/bucket/a%20b?x=1";
    asked->deadline = clock_.after_us(10'000'000);
    if (change) change(*asked);
    transport_->submit(asked);
    return asked;
  }
  static CurlConfig plain() {
    CurlConfig config;
    config.tls = false;
    return config;
  }
  const SystemClock clock_;
  CurlConfig config_ = plain();
  std::shared_ptr<Transport> transport_;
};

TEST_F(CurlTransportTest, ARequestIsSentAsItIsAndItsAnswerArrivesWhole) {
  std::string request;
  ScriptedServer server([&](ServedConnection& connection) {
    request = connection.read_request();
    connection.send(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nETag: \"e\"\r\nContent-Range: bytes 0-4/9\r\n\r\nhello");
  });
  const auto asked = ask(server, [](Asked& one) { one.headers = {{"range", "bytes=0-4"}, {"x-empty", ""}}; });
  ASSERT_TRUE(asked->wait());
  EXPECT_TRUE(asked->result) << asked->result.error().detail;
  EXPECT_EQ(asked->head.status, 206);
  EXPECT_EQ(asked->head.etag, "\"e\"");
  EXPECT_EQ(asked->head.content_range, "bytes 0-4/9");
  EXPECT_EQ(asked->got, "hello");
  EXPECT_TRUE(request.starts_with("GET /bucket/a%20b?x=1 HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("range: bytes=0-4\r\n"), std::string::npos);
  for (const char* absent : {"Accept", "Expect", "User-Agent", "Accept-Encoding"}) {
    EXPECT_EQ(request.find(absent), std::string::npos) << absent;
  }
}

TEST_F(CurlTransportTest, BodiesAreSentWithTheirLength) {
  std::string request;
  ScriptedServer server([&](ServedConnection& connection) {
    request = connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  const std::string payload(300'000, 'p');
  const auto asked = ask(server, [&](Asked& one) {
    one.method = HttpMethod::kPut;
    one.body = std::make_shared<TextBody>(payload);
  });
  ASSERT_TRUE(asked->wait());
  EXPECT_TRUE(asked->result);
  EXPECT_NE(request.find("Content-Length: 300000\r\n"), std::string::npos);
  EXPECT_TRUE(request.ends_with(payload.substr(0, 100)));
  const auto post = ask(server, [&](Asked& one) { one.method = HttpMethod::kPost; });
  ASSERT_TRUE(post->wait());
  EXPECT_EQ(post->got, "ok") << "on the kept connection, without a body";
}

TEST_F(CurlTransportTest, WhatIsNoWholeAnswerSaysSo) {
  for (const std::string text : {"", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
                                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"}) {
    ScriptedServer server([&](ServedConnection& connection) {
      connection.read_request();
      connection.send(text);
    });
    const auto asked = ask(server);
    ASSERT_TRUE(asked->wait());
    EXPECT_FALSE(asked->result) << text;
    if (!asked->result) {
      EXPECT_EQ(asked->result.error().code, ErrorCode::kUnavailable);
      EXPECT_FALSE(asked->result.error().detail.empty());
    }
    EXPECT_EQ(asked->ends, 1);
  }
}

TEST_F(CurlTransportTest, ASilentServerEndsAtTheDeadline) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.until_closed_without_reading();
  });
  const auto asked = ask(server, [&](Asked& one) { one.deadline = clock_.after_us(50'000); });
  ASSERT_TRUE(asked->wait());
  ASSERT_FALSE(asked->result);
  EXPECT_EQ(asked->result.error().code, ErrorCode::kTimeout);
}

TEST_F(CurlTransportTest, ACancelClosesTheConnection) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.until_closed_without_reading();
  });
  const auto asked = ask(server);
  transport_->cancel(asked);
  ASSERT_TRUE(asked->wait());
  ASSERT_FALSE(asked->result);
  EXPECT_EQ(asked->result.error().code, ErrorCode::kCancelled);
}

TEST_F(CurlTransportTest, AnEndlessBodyIsBrokenOff) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    while (connection.send(std::string(65536, 'x'))) {
    }
  });
  const auto asked = ask(server, [](Asked& one) { one.most = 100'000; });
  ASSERT_TRUE(asked->wait());
  ASSERT_FALSE(asked->result);
  EXPECT_EQ(asked->result.error().code, ErrorCode::kCancelled);
}

TEST_F(CurlTransportTest, RedirectsAreAnswersNotOrders) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.send(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n");
  });
  const auto asked = ask(server);
  ASSERT_TRUE(asked->wait());
  EXPECT_TRUE(asked->result);
  EXPECT_EQ(asked->head.status, 307);
}

TEST_F(CurlTransportTest, NobodyListening) {
  std::uint16_t port = 0;
  {
    port = ScriptedServer([](ServedConnection&) {}).port();
  }
  transport_ = *make_curl_transport(config_, clock_);
  auto asked = std::make_shared<Asked>();
  asked->url = "http://127.0.0.1:" + std::to_string(port) + "/";
  transport_->submit(asked);
  ASSERT_TRUE(asked->wait());
  ASSERT_FALSE(asked->result);
  EXPECT_EQ(asked->result.error().code, ErrorCode::kUnavailable);
}

TEST_F(CurlTransportTest, WorkIsDoneInItsTimeOnOneThread) {
  transport_ = *make_curl_transport(config_, clock_);
  Mutex mutex;
  CondVar there;
  std::vector<int> order;
  const auto add = [&](int n) {
    MutexLock lock(mutex);
    order.push_back(n);
    there.notify_all();
  };
  transport_->post(clock_.after_us(60'000), [&] { add(2); });
  transport_->post({0}, [&] { add(1); });
  MutexLock lock(mutex);
  while (order.size() < 2) ASSERT_TRUE(there.wait_for_us(mutex, 10'000'000));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

}  // namespace
}  // namespace cairn
