// Property: a stop finishes what is open within drain_ms and returns; connections beyond the limit get an answer.
#include <gmock/gmock.h>

#include "http/server.h"
#include "serve/running_server.h"

namespace cairn {
namespace {

using testing::HasSubstr;

const char* const kStream = R"({"prompt":"x","max_tokens":1000,"stream":true})";

TEST(HttpServer, AStopFinishesOpenStreams) {
  RunningServer server;
  server.generator.script = [](const Request&) { return FakeGenerator::Script{"to the very end"}; };
  server.generator.allow(3);
  SocketClient client(server.port()), idle(server.port());
  client.send(http_request("POST", "/v1/completions", kStream));
  ASSERT_TRUE(client.wait_for("\"text\":"));
  server.request_stop();
  EXPECT_TRUE(idle.wait_for_close());  // idle connections go at once
  server.generator.allow(FakeGenerator::kUnlimited);
  const SocketReply reply = client.read_reply();
  EXPECT_TRUE(reply.complete);
  std::string text;
  for (const auto& event : RunningServer::events(reply.body)) text += event["choices"][0]["text"].get<std::string>();
  EXPECT_EQ(text, "to the very end");
  EXPECT_TRUE(client.wait_for_close());
  EXPECT_TRUE(server.stop());
}

TEST(HttpServer, WhatDoesNotEndInTimeIsCut) {
  ServerConfig config;
  config.drain_ms = 50;
  RunningServer server(config);
  server.generator.script = [](const Request&) { return FakeGenerator::Script{"x", true}; };
  server.generator.limit.context_tokens_max = 2'000'000'000;
  server.generator.allow(3);
  SocketClient client(server.port());
  client.send(http_request("POST", "/v1/completions", R"({"prompt":"x","max_tokens":1000000000,"stream":true})"));
  ASSERT_TRUE(client.wait_for("\"text\":"));
  EXPECT_TRUE(server.stop());  // returns: every sink has ended
  EXPECT_EQ(server.generator.cancels(), 1u);
  const SocketReply reply = client.read_reply();
  EXPECT_TRUE(reply.complete);  // the stream ends, and says that it is not the whole answer
  ASSERT_TRUE(reply.body.ends_with("\n\n"));
  EXPECT_THAT(reply.body, testing::Not(HasSubstr("[DONE]")));
  const auto last = nlohmann::json::parse(reply.body.substr(reply.body.rfind("data: ") + 6));
  EXPECT_EQ(last["error"]["type"], "server_error");
  EXPECT_THAT(last["error"]["message"].get<std::string>(), HasSubstr("stopped"));
  EXPECT_TRUE(client.wait_for_close());
}

TEST(HttpServer, AWholeAnswerThatDoesNotComeInTimeIsAnError) {
  ServerConfig config;
  config.drain_ms = 50;
  RunningServer server(config);
  server.generator.allow(0);
  SocketClient client(server.port());
  client.send(http_request("POST", "/v1/completions", R"({"prompt":"x"})"));
  ASSERT_TRUE(server.generator.wait_for_live(1));
  EXPECT_TRUE(server.stop());
  EXPECT_EQ(client.read_reply().status, 503);
  EXPECT_TRUE(client.wait_for_close());
}

TEST(HttpServer, WhileItStopsItSaysSo) {
  RunningServer server;
  server.generator.allow(3);
  SocketClient streaming(server.port()), idle(server.port());
  streaming.send(http_request("POST", "/v1/completions", kStream));
  ASSERT_TRUE(streaming.wait_for("\"text\":"));
  server.request_stop();
  EXPECT_TRUE(idle.wait_for_close());
  SocketClient silent(server.port());  // asks nothing: keeps nobody from leaving
  for (const char* path : {"/health", "/v1/models"}) {
    const SocketReply reply = server.request("GET", path);
    EXPECT_EQ(reply.status, 503) << path;
    EXPECT_EQ(reply.header("Connection"), "close");
  }
  EXPECT_EQ(server.request("POST", "/v1/completions", R"({"prompt":"x"})").status, 503);
  EXPECT_EQ(server.request("GET", "/metrics").status, 200);
  server.generator.allow(FakeGenerator::kUnlimited);
  EXPECT_TRUE(streaming.read_reply().complete);
  EXPECT_TRUE(server.stop());
  EXPECT_TRUE(silent.wait_for_close());
}

TEST(HttpServer, ConnectionsBeyondTheLimitAreTold) {
  ServerConfig config;
  config.connections_max = 2;
  RunningServer server(config);
  SocketClient first(server.port()), second(server.port());
  first.send(http_request("GET", "/health"));
  second.send(http_request("GET", "/health"));
  EXPECT_EQ(first.read_reply().status, 200);
  EXPECT_EQ(second.read_reply().status, 200);
  SocketClient third(server.port());
  EXPECT_EQ(third.read_reply().status, 503);
  first.close();
  // The place is free again once the server has seen the end of the first; each try is an answer, 503 until then.
  int status = 0;
  for (int tries = 0; tries < 10'000 && status != 200; ++tries) {
    SocketClient next(server.port());
    next.send(http_request("GET", "/health"));
    status = next.read_reply().status;
  }
  EXPECT_EQ(status, 200);
}

TEST(HttpServer, ManyStreamsAtOnceAllEndWhole) {
  RunningServer server;
  server.generator.script = [](const Request& request) {
    return FakeGenerator::Script{std::string(50, static_cast<char>(request.prompt.at(0)))};
  };
  std::vector<std::unique_ptr<SocketClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<SocketClient>(server.port()));
    const std::string prompt(1, static_cast<char>('a' + i % 26));
    clients.back()->send(
        http_request("POST", "/v1/completions", R"({"prompt":")" + prompt + R"(","max_tokens":1000,"stream":true})"));
  }
  for (int i = 0; i < 100; ++i) {
    const SocketReply reply = clients[static_cast<std::size_t>(i)]->read_reply();
    ASSERT_TRUE(reply.complete);
    std::string text;
    for (const auto& event : RunningServer::events(reply.body)) text += event["choices"][0]["text"].get<std::string>();
    EXPECT_EQ(text, std::string(50, static_cast<char>('a' + i % 26)));
  }
}

TEST(HttpServer, StopsWithoutEverHavingServed) {
  RunningServer server;
  server.port();
  EXPECT_TRUE(server.stop());
}

}  // namespace
}  // namespace cairn
