// Property: every call ends exactly once, with the answer's own bytes or a typed error, whatever its server does.
#include "http/client.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/gate.h"
#include "support/scripted_server.h"

namespace cairn {
namespace {

using test::ScriptedServer;
using test::ServedConnection;

// Collects one answer and stops the loop at its end.
struct Collected final : HttpAnswerSink {
  explicit Collected(HttpLoop& turning) : loop(turning) {}
  void on_head(const HttpAnswerHead& got) override {
    EXPECT_EQ(heads++, 0);
    head = got;
  }
  void on_body(std::string_view bytes) override {
    EXPECT_EQ(heads, 1);
    body += bytes;
    if (on_piece) on_piece();
  }
  void on_end(Result<void> result) override {
    EXPECT_EQ(ends++, 0);
    end = std::move(result);
    loop.stop();
  }
  HttpLoop& loop;
  HttpAnswerHead head;
  std::string body;
  Result<void> end;
  std::function<void()> on_piece;
  int heads = 0, ends = 0;
};

HttpCall call_to(const ScriptedServer& server) {
  HttpCall call;
  call.origin = parse_origin(server.url()).value();
  return call;
}

// One call on a loop of its own.
Collected ask(HttpCall call, HttpClientConfig config = {}) {
  HttpLoop loop;
  HttpClient client(loop, config);
  Collected answer(loop);
  client.start(std::move(call), answer);
  EXPECT_EQ(answer.ends, 0) << "called back from within start()";
  loop.run();
  EXPECT_EQ(answer.ends, 1);
  return answer;
}

TEST(HttpClient, SendsWhatItIsGivenAndReadsTheAnswer) {
  std::string request;
  ScriptedServer server([&](ServedConnection& connection) {
    request = connection.read_request();
    connection.answer("hello", "HTTP/1.1 201 Created\r\nX-A: b\r\n");
  });
  HttpCall call = call_to(server);
  call.method = "POST";
  call.target = "/v1/x?y=z";
  call.headers = {{"X-User-Id", "7"}};
  call.body = std::make_shared<const std::string>("{\"a\": 1}");
  call.origin.path = "/base";
  const Collected answer = ask(call);
  ASSERT_TRUE(answer.end) << answer.end.error().detail;
  EXPECT_EQ(answer.head.status, 201);
  EXPECT_EQ(answer.body, "hello");
  server.stop();
  EXPECT_EQ(request, "POST /base/v1/x?y=z HTTP/1.1\r\nHost: " + call.origin.authority +
                         "\r\nX-User-Id: 7\r\nContent-Length: 8\r\n\r\n{\"a\": 1}");
}

TEST(HttpClient, AStreamArrivesPieceByPiece) {
  test::Gate gate;
  ScriptedServer server([&](ServedConnection& connection) {
    connection.read_request();
    connection.begin_chunked();
    connection.send_chunk("data: 1\n\n");
    gate.pass();  // the second event leaves only after the first has arrived
    connection.send_chunk("data: 2\n\n");
    connection.send("0\r\n\r\n");
  });
  HttpLoop loop;
  HttpClient client(loop, {});
  Collected answer(loop);
  answer.on_piece = [&] { gate.open(); };
  client.start(call_to(server), answer);
  loop.run();
  EXPECT_TRUE(answer.end);
  EXPECT_EQ(answer.body, "data: 1\n\ndata: 2\n\n");
}

TEST(HttpClient, AConnectionIsUsedAgainAndReplacedWhenItsServerClosedIt) {
  ScriptedServer server([](ServedConnection& connection) {
    for (int i = 0; i < (connection.number() == 0 ? 2 : 1); ++i) {
      if (connection.read_request().empty()) return;
      connection.answer(std::to_string(connection.number()));
    }
  });
  HttpLoop loop;
  HttpClient client(loop, {});
  for (const char* const from : {"0", "0", "1", "2"}) {
    Collected answer(loop);
    client.start(call_to(server), answer);
    loop.run();
    loop.restart();
    EXPECT_TRUE(answer.end) << answer.end.error().detail;
    EXPECT_EQ(answer.body, from);
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST(HttpClient, AServerThatIsNotThereIsUnavailable) {
  ScriptedServer server([](ServedConnection&) {});
  const HttpCall call = call_to(server);
  server.stop();
  const Collected answer = ask(call);
  ASSERT_FALSE(answer.end);
  EXPECT_EQ(answer.end.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.end.error().detail, testing::StartsWith(call.origin.authority + ": not connected"));
  EXPECT_EQ(answer.heads, 0);
}

TEST(HttpClient, AServerThatBreaksOffIsUnavailableAndWhatCameIsKept) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.begin_chunked();
    connection.send_chunk("first");
    if (connection.number() == 1) connection.reset();
  });
  for (int i = 0; i < 2; ++i) {
    const Collected answer = ask(call_to(server));
    ASSERT_FALSE(answer.end);
    EXPECT_EQ(answer.end.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(answer.end.error().detail, testing::HasSubstr("broken off"));
    EXPECT_EQ(answer.heads, 1);
  }
}

TEST(HttpClient, GarbageIsCorrupt) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  });
  const Collected answer = ask(call_to(server));
  ASSERT_FALSE(answer.end);
  EXPECT_EQ(answer.end.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(answer.heads, 0);
}

TEST(HttpClient, SilenceEndsAtTheCallsBounds) {
  ScriptedServer server([](ServedConnection& connection) {
    const std::string request = connection.read_request();
    if (request.starts_with("GET /head")) {
      connection.begin_chunked();
      connection.send_chunk("x");
    }
    connection.until_closed();
  });
  HttpCall silent = call_to(server);
  silent.head_timeout_ms = 20;
  const Collected none = ask(silent);
  ASSERT_FALSE(none.end);
  EXPECT_EQ(none.end.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(none.end.error().detail, testing::HasSubstr("no answer within 20 ms"));
  HttpCall stalled = call_to(server);
  stalled.target = "/head";
  stalled.idle_timeout_ms = 20;
  const Collected some = ask(stalled);
  ASSERT_FALSE(some.end);
  EXPECT_EQ(some.end.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(some.body, "x");
}

TEST(HttpClient, AnAnswerThatComesBeforeTheRequestIsWholeCounts) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_head();
    connection.answer("too large", "HTTP/1.1 413 Payload Too Large\r\n");
    if (connection.number() == 0) connection.until_closed_without_reading();  // else: closes with the body unread
  });
  for (int i = 0; i < 2; ++i) {
    HttpCall call = call_to(server);
    call.method = "POST";
    call.body = std::make_shared<const std::string>(30'000'000, 'x');
    const Collected answer = ask(call);
    ASSERT_TRUE(answer.end) << answer.end.error().detail;
    EXPECT_EQ(answer.head.status, 413);
    EXPECT_EQ(answer.body, "too large");
  }
}

TEST(HttpClient, AnAnswerThatDribblesEndsAtTheTotalBound) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    while (connection.send("x")) {
    }
  });
  HttpCall call = call_to(server);
  call.idle_timeout_ms = 10'000;
  call.total_timeout_ms = 30;
  const Collected answer = ask(call);
  ASSERT_FALSE(answer.end);
  EXPECT_EQ(answer.end.error().code, ErrorCode::kTimeout);
  EXPECT_THAT(answer.end.error().detail, testing::HasSubstr("no whole answer within 30 ms"));
}

TEST(HttpClient, WithoutDescriptorsItIsNotTheServersFault) {
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.answer("x");
  });
  HttpLoop loop;
  HttpClient client(loop, {});
  LoopTimer first(loop);  // the loop's own descriptors are made
  first.start(1, [&] { loop.stop(); });
  loop.run();
  loop.restart();
  struct Limited {
    Limited() {
      ::getrlimit(RLIMIT_NOFILE, &before);
      const int next = ::dup(0);
      ::close(next);
      const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
      ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~Limited() { ::setrlimit(RLIMIT_NOFILE, &before); }
    rlimit before{};
  };
  Collected answer(loop);
  {
    const Limited limited;
    client.start(call_to(server), answer);
    loop.run();
  }
  ASSERT_FALSE(answer.end);
  EXPECT_EQ(answer.end.error().code, ErrorCode::kExhausted) << answer.end.error().detail;
}

TEST(HttpClient, ACancelledCallClosesItsConnectionAndIsNotHeardOfAgain) {
  HttpLoop loop;
  ScriptedServer server([&](ServedConnection& connection) {
    connection.read_request();
    connection.begin_chunked();
    connection.send_chunk("x");
    connection.until_closed();
    loop.stop();
  });
  HttpClient client(loop, {});
  Collected answer(loop);
  HttpCallId id = 0;
  answer.on_piece = [&] { client.cancel(id); };  // from within its own callback
  id = client.start(call_to(server), answer);
  loop.run();
  EXPECT_EQ(answer.ends, 0);
  client.cancel(id);
  client.cancel(12345);
}

TEST(HttpClient, APausedCallReadsNoMoreThanTheKernelTakes) {
  constexpr std::size_t kPiece = 64 * 1024, kPieces = 400;  // 25 MB: more than socket buffers hold
  std::atomic<std::size_t> sent{0};
  ScriptedServer server([&](ServedConnection& connection) {
    connection.read_request();
    connection.begin_chunked();
    for (std::size_t i = 0; i < kPieces && connection.send_chunk(std::string(kPiece, 'x')); ++i) ++sent;
    connection.send("0\r\n\r\n");
  });
  HttpLoop loop;
  HttpClient client(loop, {});
  Collected answer(loop);
  HttpCallId id = 0;
  LoopTimer look(loop);
  bool paused = false;
  answer.on_piece = [&] {
    if (std::exchange(paused, true)) return;
    client.pause(id);
    look.start(100'000, [&] {
      EXPECT_LT(answer.body.size(), 2 * kPiece);
      EXPECT_LT(sent.load(), kPieces);
      client.resume(id);
    });
  };
  id = client.start(call_to(server), answer);
  loop.run();
  EXPECT_TRUE(answer.end);
  EXPECT_EQ(answer.body.size(), kPiece * kPieces);
}

TEST(HttpClient, CallsUnderWayEndWithTheClient) {
  HttpLoop loop;
  ScriptedServer server([](ServedConnection& connection) {
    connection.read_request();
    connection.until_closed();
  });
  Collected answer(loop);
  {
    HttpClient client(loop, {});
    client.start(call_to(server), answer);
    LoopTimer soon(loop);
    soon.start(5000, [&] { loop.stop(); });
    loop.run();
  }
  EXPECT_EQ(answer.ends, 0);
}

}  // namespace
}  // namespace cairn
