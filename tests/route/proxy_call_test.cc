// Properties under faults: a request is asked again only while nothing of an answer has come, a stream that breaks is
// seen as broken, and nobody works for a client that left.
#include "route/proxy_call.h"

#include <gmock/gmock.h>

#include <array>

#include "route/running_router.h"
#include "support/gate.h"

namespace cairn {
namespace {

using test::healthy;
using test::named;
using test::RunningRouter;
using test::ScriptedServer;
using test::ServedConnection;
using testing::EndsWith;
using testing::HasSubstr;

std::string url_of_nobody() {
  ScriptedServer gone([](ServedConnection&) {});
  return gone.url();
}

RouterConfig unchecked() {  // what a request finds out is not repaired by a check meanwhile
  RouterConfig config;
  config.health_interval_ms = 3'600'000;
  return config;
}

TEST(ProxyCall, ABackendThatIsNotThereCostsNoRequest) {
  ScriptedServer alive(named("alive"));
  RunningRouter router({url_of_nobody(), alive.url(), url_of_nobody()});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(router.ask().body, "alive");
  EXPECT_TRUE(router.wait_for_metric("cairn_route_backend_up{backend=\"" + alive.url() + "\"} 1"));
}

TEST(ProxyCall, NobodyThereIsAnErrorThatSaysSo) {
  RunningRouter router({url_of_nobody()}, unchecked());
  EXPECT_THAT(router.ask().status, testing::AnyOf(502, 503));
  const SocketReply reply = router.ask();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.header("Retry-After"), "1");
  EXPECT_THAT(reply.body, HasSubstr("no backend is up"));
  EXPECT_EQ(router.request("GET", "/health").status, 503);
  EXPECT_EQ(router.request("GET", "/v1/models").status, 503);
}

TEST(ProxyCall, GarbageIsAskedForElsewhere) {
  ScriptedServer garbage(healthy([](ServedConnection& connection, const std::string&) {
    connection.send("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    return false;
  }));
  ScriptedServer silent(healthy([](ServedConnection&, const std::string&) { return false; }));  // hangs up
  ScriptedServer alive(named("alive"));
  RunningRouter router({garbage.url(), silent.url(), alive.url()}, unchecked());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(router.ask().body, "alive");
  RunningRouter alone({garbage.url()}, unchecked());
  const SocketReply reply = alone.ask();
  EXPECT_EQ(reply.status, 502);
  EXPECT_THAT(reply.body, HasSubstr("no backend answered"));
}

TEST(ProxyCall, NotNowIsAskedForElsewhereAndPassedOnWhenThereIsNobodyElse) {
  ScriptedServer draining(healthy([](ServedConnection& connection, const std::string&) {
    return connection.answer("draining", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n");
  }));
  ScriptedServer alive(named("alive"));
  RunningRouter router({draining.url(), alive.url()});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(router.ask().body, "alive");
  RunningRouter alone({draining.url()});
  const SocketReply reply = alone.ask();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "draining");
  EXPECT_EQ(reply.header("Retry-After"), "7");
}

TEST(ProxyCall, AStreamThatBreaksIsSeenAsBrokenAndIsNotAskedAgain) {
  std::atomic<int> asked{0};
  const auto breaking = healthy([&](ServedConnection& connection, const std::string&) {
    ++asked;
    connection.begin_chunked();
    connection.send_chunk("data: half");
    return false;
  });
  ScriptedServer one(breaking), other(breaking);
  RunningRouter router({one.url(), other.url()});
  const SocketReply reply = router.ask();
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.complete);
  EXPECT_TRUE(reply.body.starts_with("data: half\n\ndata: {\"error\"")) << reply.body;
  EXPECT_THAT(reply.body, HasSubstr("broke off"));
  EXPECT_THAT(reply.body, EndsWith("\n\n"));
  EXPECT_EQ(asked, 1);
}

TEST(ProxyCall, AnAnswerOfKnownLengthThatBreaksIsCutShort) {
  ScriptedServer backend(healthy([](ServedConnection& connection, const std::string&) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\nhalf");
    return false;
  }));
  RunningRouter router({backend.url()});
  const SocketReply reply = router.ask();
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.complete);
}

TEST(ProxyCall, ABackendThatHangsIsLeftAtTheBounds) {
  ScriptedServer backend(healthy([](ServedConnection& connection, const std::string& request) {
    if (request.starts_with("POST /v1/chat")) {
      connection.begin_chunked();
      connection.send_chunk("data: 1\n\n");
    }
    connection.until_closed();
    return false;
  }));
  ScriptedServer second(named("second"));
  RouterConfig config = unchecked();
  config.head_timeout_ms = config.idle_timeout_ms = 30;
  RunningRouter router({backend.url(), second.url()}, config);
  const SocketReply late = router.ask();
  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(router.ask().body, "second");  // whose turn it is; the slow one is still asked
  const SocketReply stalled = router.request("POST", "/v1/chat/completions", "{}");
  EXPECT_EQ(stalled.status, 200);
  EXPECT_FALSE(stalled.complete);
  EXPECT_THAT(stalled.body, HasSubstr("broke off"));
}

TEST(ProxyCall, AClientThatLeavesTakesItsRequestWithIt) {
  std::array<test::Gate, 2> closed;  // the backend sees it, while the router lives
  std::size_t next = 0;
  ScriptedServer backend(healthy([&](ServedConnection& connection, const std::string& request) {
    if (request.find("stream") != std::string::npos) {
      connection.begin_chunked();
      connection.send_chunk("data: 1\n\n");
    }
    connection.until_closed();
    closed[next++].open();
    return false;
  }));
  RunningRouter router({backend.url()});
  std::size_t left = 0;
  const std::string name = "{backend=\"" + backend.url() + "\"}";
  for (const char* body : {"{\"stream\": true}", "{}"}) {
    SocketClient client(router.port());
    client.send(http_request("POST", "/v1/completions", body));
    EXPECT_TRUE(std::string_view(body).size() == 2 || client.wait_for("data: 1"));
    EXPECT_TRUE(router.wait_for_metric("cairn_route_inflight_requests" + name + " 1"));
    client.reset();
    closed[left++].pass();
    EXPECT_TRUE(router.wait_for_metric("cairn_route_inflight_requests" + name + " 0"));
  }
  EXPECT_TRUE(router.wait_for_metric("cairn_route_cancelled_requests_total" + name + " 2"));
}

TEST(ProxyCall, ASlowReadersAnswerWaitsAtItsBackend) {
  constexpr std::size_t kPiece = 64 * 1024, kPieces = 800;  // 50 MB: more than all buffers on the way
  std::atomic<std::size_t> sent{0};
  ScriptedServer backend(healthy([&](ServedConnection& connection, const std::string&) {
    connection.begin_chunked("application/json");
    for (std::size_t i = 0; i < kPieces; ++i) {
      if (!connection.send_chunk(std::string(kPiece, static_cast<char>('a' + i % 26)))) return false;
      ++sent;
    }
    return connection.send("0\r\n\r\n");
  }));
  RunningRouter router({backend.url()});
  SocketClient client(router.port(), 4096);
  client.send(http_request("POST", "/v1/completions", "{}"));
  EXPECT_TRUE(client.wait_for("aaaa"));
  // Until the backend stands still, whatever the kernel's buffers are; many looks, no sleep.
  for (std::size_t before = 1, same = 0; same < 20;) {
    router.request("GET", "/metrics");
    same = sent == before ? same + 1 : 0;
    before = sent;
  }
  EXPECT_LT(sent.load(), kPieces);
  const SocketReply reply = client.read_reply();
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body.size(), kPiece * kPieces);
  EXPECT_EQ(reply.body.back(), static_cast<char>('a' + (kPieces - 1) % 26));
}

TEST(ProxyCall, AReaderThatTakesALittleNowAndThenIsNotCut) {
  ScriptedServer backend(healthy(
      [](ServedConnection& connection, const std::string&) { return connection.answer(std::string(8'000'000, 'x')); }));
  HttpConfig http;
  http.stream_pending_bytes_max = 64 * 1024;  // the least: the backend is paused well before it
  http.write_timeout_ms = 1000;
  RunningRouter router({backend.url()}, {}, http);
  SocketClient client(router.port(), 4096);
  client.send(http_request("POST", "/v1/completions", "{}"));
  const SocketReply reply = client.read_reply();
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body.size(), 8'000'000u);
}

TEST(ProxyCall, LimitsHoldBeforeABackendHearsOfARequest) {
  std::atomic<int> asked{0};
  ScriptedServer backend(healthy([&](ServedConnection& connection, const std::string&) {
    ++asked;
    return connection.answer("x");
  }));
  HttpConfig http;
  http.body_bytes_max = 1024;
  RunningRouter router({backend.url()}, {}, http);
  EXPECT_EQ(router.request("POST", "/v1/completions", std::string(2000, 'x')).status, 413);
  EXPECT_EQ(router.request("POST", "/v1/completions", "{}", "X: " + std::string(70'000, 'x') + "\r\n").status, 431);
  EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace cairn
