// A call ends once: with the answer, or with what the server or the connection did instead.
#include "bench/qa_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/loop.h"
#include "support/scripted_server.h"

namespace cairn {
namespace {

using test::ScriptedServer;
using test::ServedConnection;
using testing::HasSubstr;

HttpCall call_to(const ScriptedServer& server) {
  HttpCall call;
  call.origin = parse_origin(server.url()).value();
  call.head_timeout_ms = call.idle_timeout_ms = 15'000;
  return call;
}

Result<ChatAnswer> chat(ScriptedServer::Script script) {
  ScriptedServer server(std::move(script));
  HttpLoop loop;
  HttpClient client(loop, {});
  const SystemClock clock;
  ChatCall call(client, clock);
  Result<ChatAnswer> got = invalid("no end");
  int ends = 0;
  loop.post([&] {
    call.start(call_to(server), [&](Result<ChatAnswer> answer) {
      got = std::move(answer);
      ++ends;
      loop.stop();
    });
  });
  loop.run();
  EXPECT_EQ(ends, 1);
  return got;
}

Result<std::string> page(ScriptedServer::Script script) {
  ScriptedServer server(std::move(script));
  HttpLoop loop;
  HttpClient client(loop, {});
  PageCall call;
  Result<std::string> got = invalid("no end");
  loop.post([&] {
    call.start(client, call_to(server), [&](Result<std::string> answer) {
      got = std::move(answer);
      loop.stop();
    });
  });
  loop.run();
  return got;
}

TEST(ChatCall, AWholeStreamIsAnAnswer) {
  const Result<ChatAnswer> answer = chat([](ServedConnection& connection) {
    connection.read_request();
    connection.answer(
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n");
  });
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->text, "a");
}

TEST(ChatCall, ARefusalGivesStatusAndWords) {
  const Result<ChatAnswer> answer = chat([](ServedConnection& connection) {
    connection.read_request();
    connection.answer(R"({"error":{"message":"no such model"}})", "HTTP/1.1 404 Not Found\r\n");
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().detail, "HTTP 404: no such model");
}

TEST(ChatCall, AConnectionThatBreaksIsAnError) {
  const Result<ChatAnswer> before = chat([](ServedConnection& connection) { connection.read_request(); });
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().code, ErrorCode::kUnavailable);
  const Result<ChatAnswer> within = chat([](ServedConnection& connection) {
    connection.read_request();
    connection.begin_chunked();
    connection.send_chunk("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n");
  });
  ASSERT_FALSE(within);
  EXPECT_EQ(within.error().code, ErrorCode::kUnavailable);
}

TEST(PageCall, APageIsItsTextAndARefusalAnError) {
  const Result<std::string> text = page([](ServedConnection& connection) {
    connection.read_request();
    connection.answer("the page");
  });
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "the page");
  const Result<std::string> refused = page([](ServedConnection& connection) {
    connection.read_request();
    connection.answer("", "HTTP/1.1 401 Unauthorized\r\n");
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail, "HTTP 401");
}

}  // namespace
}  // namespace cairn
