// A real server on a free port of the loopback, over a scripted generator and a hand-made tokenizer.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "serve/fake_generator.h"
#include "serve/server.h"
#include "support/socket_client.h"
#include "text/small_model.h"

namespace cairn {

class RunningServer {
 public:
  explicit RunningServer(ServerConfig config = {})
      : tokenizer_(make_tokenizer(small_tokenizer_json())), metrics(make_metrics()) {
    config.listen = "127.0.0.1:0";
    config_ = config;
  }
  ~RunningServer() { EXPECT_TRUE(stop()); }

  // Starts at the first use, so that a test can script the generator before.
  std::uint16_t port() {
    if (!server_) begin();
    return port_;
  }
  Result<void> stop() {
    if (!thread_.joinable()) return ended_;
    stop_.request_stop();
    thread_.join();
    server_.reset();
    return ended_;
  }
  void request_stop() { stop_.request_stop(); }

  SocketReply request(const std::string& method, const std::string& path, const std::string& body = "",
                      const std::string& headers = "") {
    SocketClient client(port());
    client.send(http_request(method, path, body, headers));
    return client.read_reply(method != "HEAD");
  }
  nlohmann::json post(const std::string& path, const nlohmann::json& body, int status = 200) {
    const SocketReply reply = request("POST", path, body.dump());
    EXPECT_EQ(reply.status, status) << reply.body;
    EXPECT_TRUE(reply.complete);
    return nlohmann::json::parse(reply.body, nullptr, false);
  }
  // The JSON of every event but the last, which must be [DONE].
  static std::vector<nlohmann::json> events(const std::string& body) {
    std::vector<nlohmann::json> list;
    std::size_t at = 0;
    bool done = false;
    while (at < body.size()) {
      const auto end = body.find("\n\n", at);
      EXPECT_NE(end, std::string::npos) << "an event without its end";
      if (end == std::string::npos) break;
      const std::string event = body.substr(at, end - at);
      at = end + 2;
      EXPECT_TRUE(event.starts_with("data: ")) << event;
      EXPECT_FALSE(done) << "events behind [DONE]";
      if (event == "data: [DONE]") {
        done = true;
        continue;
      }
      list.push_back(nlohmann::json::parse(event.substr(6)));
    }
    EXPECT_TRUE(done);
    return list;
  }
  std::vector<nlohmann::json> stream(const std::string& path, nlohmann::json body) {
    body["stream"] = true;
    const SocketReply reply = request("POST", path, body.dump());
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_TRUE(reply.header("Content-Type").starts_with("text/event-stream"));
    EXPECT_TRUE(reply.complete);
    return events(reply.body);
  }
  std::vector<RequestSummary> summaries() {
    MutexLock lock(mutex_);
    return summaries_;
  }

 private:
  std::unique_ptr<Tokenizer> tokenizer_;

 public:
  FakeGenerator generator;
  std::unique_ptr<Metrics> metrics;
  std::function<Result<std::string>(const ChatRequest&)> render_chat =
      [](const ChatRequest& chat) -> Result<std::string> {
    std::string text;
    for (const ChatMessage& message : chat.messages) text += message.role + ":" + message.content + "\n";
    return text;
  };

 private:
  void begin() {
    ServerDeps deps{*tokenizer_,
                    clock_,
                    *metrics,
                    null_log(),
                    {"test-model", "alias"},
                    "1.2.3",
                    render_chat,
                    [](std::string_view tenant, std::string_view salt) {
                      PrincipalTag tag;  // a readable stand-in for the digest
                      const std::string text = std::string(tenant) + "|" + std::string(salt);
                      if (text != "|")
                        std::copy_n(text.begin(), std::min<std::size_t>(16, text.size()), tag.bytes.begin());
                      return tag;
                    },
                    [this](const RequestSummary& summary) {
                      MutexLock lock(mutex_);
                      summaries_.push_back(summary);
                    }};
    auto server = Server::bind(config_, generator, std::move(deps));
    ASSERT_TRUE(server) << server.error().detail;
    server_ = std::move(*server);
    const std::string url = server_->url();
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    thread_ = std::thread([this] { ended_ = server_->serve(stop_.get_token()); });
  }

  SystemClock clock_;
  ServerConfig config_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
  std::stop_source stop_;
  std::thread thread_;
  Result<void> ended_;
  Mutex mutex_;
  std::vector<RequestSummary> summaries_ CAIRN_GUARDED_BY(mutex_);
};

}  // namespace cairn
