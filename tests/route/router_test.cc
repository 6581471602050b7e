// What passes through, to whom, and who may ask.
#include "route/router.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "route/running_router.h"
#include "support/gate.h"

namespace cairn {
namespace {

using test::healthy;
using test::named;
using test::RunningRouter;
using test::ScriptedServer;
using test::ServedConnection;
using testing::HasSubstr;
using testing::Not;

TEST(Router, RequestsAndAnswersPassByteByByte) {
  std::string body = "{\"prompt\": \"", seen;
  for (int i = 0; i < 100'000; ++i) body += static_cast<char>(i % 251);
  const std::string answer = body + "answer";
  ScriptedServer backend(healthy([&](ServedConnection& connection, const std::string& request) {
    seen = request;
    return connection.answer(answer, "HTTP/1.1 418 I'm a teapot\r\nContent-Type: a/b\r\nX-Other: 1\r\nX-Other: 2\r\n");
  }));
  RunningRouter router({backend.url()});
  const SocketReply reply =
      router.request("POST", "/v1/completions?a=b%20c", body, "X-User-Id: 7\r\nX-Request-Id: mine\r\nTE: x\r\n");
  EXPECT_EQ(reply.status, 418);
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body, answer);
  EXPECT_EQ(reply.header("Content-Type"), "a/b");
  EXPECT_EQ(reply.header("X-Request-Id"), "mine");
  EXPECT_EQ(reply.header("Content-Length"), std::to_string(answer.size()));
  EXPECT_EQ(std::count_if(reply.headers.begin(), reply.headers.end(), [](auto& h) { return h.first == "X-Other"; }), 2);
  EXPECT_TRUE(seen.starts_with("POST /v1/completions?a=b%20c HTTP/1.1\r\n")) << seen.substr(0, 100);
  EXPECT_TRUE(seen.ends_with("\r\n\r\n" + body));
  EXPECT_THAT(seen.substr(0, 500), HasSubstr("X-User-Id: 7\r\n"));
  EXPECT_THAT(seen.substr(0, 500), HasSubstr("X-Request-Id: mine\r\n"));
  EXPECT_THAT(seen.substr(0, 500), Not(HasSubstr("TE: x")));
}

TEST(Router, ARequestWithoutANameGetsOneThatBothSidesSee) {
  std::string seen;
  ScriptedServer backend(healthy([&](ServedConnection& connection, const std::string& request) {
    seen = request;
    return connection.answer("{}");
  }));
  RunningRouter router({backend.url()});
  const std::string first = router.ask().header("X-Request-Id");
  EXPECT_GE(first.size(), 16u);
  EXPECT_THAT(seen, HasSubstr("X-Request-Id: " + first + "\r\n"));
  EXPECT_NE(router.ask().header("X-Request-Id"), first);
}

TEST(Router, AStreamPassesPieceByPiece) {
  test::Gate gate;
  ScriptedServer backend(healthy([&](ServedConnection& connection, const std::string&) {
    connection.begin_chunked();
    connection.send_chunk("data: 1\n\n");
    gate.pass();
    connection.send_chunk("data: [DONE]\n\n");
    return connection.send("0\r\n\r\n");
  }));
  RunningRouter router({backend.url()});
  SocketClient client(router.port());
  client.send(http_request("POST", "/v1/chat/completions", "{}"));
  EXPECT_TRUE(client.wait_for("data: 1\n\n"));  // while the second is held back
  gate.open();
  const SocketReply reply = client.read_reply();
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body, "data: 1\n\ndata: [DONE]\n\n");
  EXPECT_EQ(reply.header("Content-Type"), "text/event-stream");
}

// Begins each answer, and ends it when the gate opens.
ScriptedServer::Script held_back(test::Gate& gate) {
  return healthy([&gate](ServedConnection& connection, const std::string&) {
    connection.begin_chunked();
    connection.send_chunk("data: 1\n\n");
    gate.pass();
    return connection.send("0\r\n\r\n");
  });
}

TEST(Router, MoreThanMayBeUnderWayAreToldToComeBack) {
  test::Gate gate;
  ScriptedServer backend(held_back(gate));
  RouterConfig config;
  config.inflight_requests_max = 2;
  RunningRouter router({backend.url()}, config);
  std::vector<std::unique_ptr<SocketClient>> under_way;
  for (int i = 0; i < 2; ++i) {
    under_way.push_back(std::make_unique<SocketClient>(router.port()));
    under_way.back()->send(http_request("POST", "/v1/completions", "{}"));
    ASSERT_TRUE(under_way.back()->wait_for("data: 1"));
  }
  EXPECT_EQ(router.request("POST", "/v1/completions", "{}").status, 429);
  EXPECT_EQ(router.request("GET", "/v1/models", "").status, 429);
  EXPECT_EQ(router.request("GET", "/health", "").status, 200) << "of the router itself";
  gate.open();
  for (auto& client : under_way) EXPECT_TRUE(client->read_reply().complete);
  int status = 429;
  for (int i = 0; i < 1000 && status == 429; ++i) status = router.request("POST", "/v1/completions", "{}").status;
  EXPECT_EQ(status, 200) << "there is room again";
}

TEST(Router, ATenantHasABoundOfItsOwn) {
  test::Gate gate;
  ScriptedServer backend(held_back(gate));
  RouterConfig config;
  config.inflight_per_tenant_max = 1;
  HttpConfig http;
  http.api_keys = {"a=key-of-a-0123456", "b=key-of-b-0123456"};
  RunningRouter router({backend.url()}, config, http);
  const auto of = [](const char* tenant) {
    return "Authorization: Bearer key-of-" + std::string(tenant) + "-0123456\r\n";
  };
  SocketClient first(router.port()), second(router.port());
  first.send(http_request("POST", "/v1/completions", "{}", of("a")));
  ASSERT_TRUE(first.wait_for("data: 1"));
  EXPECT_EQ(router.request("POST", "/v1/completions", "{}", of("a")).status, 429);
  second.send(http_request("POST", "/v1/completions", "{}", of("b")));
  EXPECT_TRUE(second.wait_for("data: 1")) << "another's requests are not counted";
  gate.open();
  EXPECT_TRUE(first.read_reply().complete && second.read_reply().complete);
}

TEST(Router, RoundRobinTakesTurnsAndASessionStays) {
  ScriptedServer a(named("a")), b(named("b")), c(named("c"));
  std::map<std::string, int> counts;
  {
    RunningRouter router({a.url(), b.url(), c.url()});
    for (int i = 0; i < 30; ++i) ++counts[router.ask("X-User-Id: 1\r\n").body];
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}}));
  RouterConfig config;
  config.policy = RoutePolicy::kSession;
  config.session_header = "x-session";
  RunningRouter router({a.url(), b.url(), c.url()}, config);
  std::map<std::string, std::string> homes;
  for (int i = 0; i < 60; ++i) {
    const std::string session = std::to_string(i % 20);
    const std::string home = router.ask("X-SESSION: " + session + "\r\n").body;
    const auto [known, added] = homes.emplace(session, home);
    EXPECT_EQ(known->second, home) << added;
  }
}

TEST(Router, LeastLoadedAvoidsTheBusyOne) {
  test::Gate gate;
  ScriptedServer busy(healthy([&](ServedConnection& connection, const std::string&) {
    gate.pass();
    return connection.answer("busy");
  }));
  ScriptedServer idle(named("idle"));
  RouterConfig config;
  config.policy = RoutePolicy::kLeastLoaded;
  RunningRouter router({busy.url(), idle.url()}, config);
  SocketClient waiting(router.port());
  waiting.send(http_request("POST", "/v1/completions", "{}"));
  gate.until_waiting();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(router.ask().body, "idle");
  gate.open();
  EXPECT_EQ(waiting.read_reply().body, "busy");
}

TEST(Router, ModelsAreMerged) {
  const auto list = [](const std::string& ids) {
    return healthy([ids](ServedConnection& connection, const std::string& request) {
      EXPECT_TRUE(request.starts_with("GET /v1/models ")) << request;
      return connection.answer(ids);
    });
  };
  ScriptedServer first(list(R"({"data":[{"id":"m","owned_by":"first"},{"id":"n"}]})"));
  ScriptedServer second(list(R"({"data":[{"id":"m","owned_by":"second"},{"id":"o"},{"x":1},7]})"));
  ScriptedServer garbage(list("<html>"));
  RunningRouter router({first.url(), garbage.url(), second.url()});
  const SocketReply reply = router.request("GET", "/v1/models");
  EXPECT_EQ(reply.status, 200);
  const auto json = nlohmann::json::parse(reply.body);
  EXPECT_EQ(json["object"], "list");
  ASSERT_EQ(json["data"].size(), 3u) << reply.body;
  EXPECT_EQ(json["data"][0]["owned_by"], "first");
  EXPECT_EQ(json["data"][1]["id"], "n");
  EXPECT_EQ(json["data"][2]["id"], "o");
}

TEST(Router, KeysAreCheckedHereAndTheBackendsKeyIsItsOwn) {
  std::string seen;
  ScriptedServer backend(healthy([&](ServedConnection& connection, const std::string& request) {
    seen = request;
    return connection.answer("ok");
  }));
  HttpConfig http;
  http.api_keys = {"front"};
  RouterConfig config;
  {
    RunningRouter router({backend.url()}, config, http);
    for (const char* path : {"/v1/completions", "/v1/models", "/metrics", "/no/such"})
      EXPECT_EQ(router.request("GET", path).status, 401) << path;
    EXPECT_EQ(router.request("GET", "/health").status, 200);
    EXPECT_EQ(router.ask("Authorization: Bearer other\r\n").status, 401);
    EXPECT_EQ(seen, "");
    EXPECT_EQ(router.ask("Authorization: Bearer front\r\n").status, 200);
    EXPECT_THAT(seen, Not(HasSubstr("uthorization")));
  }
  config.backend_api_key = "back";
  {
    RunningRouter router({backend.url()}, config, http);
    EXPECT_EQ(router.ask("Authorization: Bearer front\r\n").status, 200);
    EXPECT_THAT(seen, HasSubstr("Authorization: Bearer back\r\n"));
    EXPECT_THAT(seen, Not(HasSubstr("front")));
  }
  RunningRouter open({backend.url()});
  EXPECT_EQ(open.ask("Authorization: Bearer client's\r\n").status, 200);
  EXPECT_THAT(seen, HasSubstr("Authorization: Bearer client's\r\n"));
}

TEST(Router, OnlyTheApiPasses) {
  ScriptedServer backend(named("reached"));
  RunningRouter router({backend.url()});
  for (const char* path : {"/v1/completions", "/v1/embeddings", "/tokenize", "/version"})
    EXPECT_EQ(router.request("POST", path).body, "reached") << path;
  for (const char* path : {"/", "/sleep", "/reset_prefix_cache", "/v1", "/v2/x", "/collective_rpc"})
    EXPECT_EQ(router.request("POST", path).status, 404) << path;
  for (const char* path : {"/v1/../metrics", "/v1/./x", "/v1/%2E%2e/metrics", "/v1/a/%2e", "/v1//sleep",
                           "/v1/load_lora_adapter", "/v1/unload_lora_adapter"})
    EXPECT_EQ(router.request("POST", path).status, 404) << path;
  EXPECT_EQ(router.request("GET", "/v1/models/a%2Fb..c").body, "reached");
  for (const char* method : {"PUT", "PATCH", "TRACE", "HEAD"})
    EXPECT_EQ(router.request(method, "/v1/completions").status, 405) << method;
  EXPECT_EQ(router.request("POST", "/metrics").status, 405);
  EXPECT_EQ(router.request("POST", "/v1/models").status, 405);
}

TEST(Router, AStopLetsAnswersEndAndCutsWhatTakesTooLong) {
  test::Gate first;
  ScriptedServer backend(healthy([&](ServedConnection& connection, const std::string& request) {
    connection.begin_chunked();
    connection.send_chunk("data: 1\n\n");
    if (request.find("endless") != std::string::npos) {
      connection.until_closed();
      return false;
    }
    first.pass();
    connection.send_chunk("data: [DONE]\n\n");
    return connection.send("0\r\n\r\n");
  }));
  HttpConfig http;
  http.drain_ms = 200;
  RunningRouter router({backend.url()}, {}, http);
  SocketClient ends(router.port()), endless(router.port()), idle(router.port());
  ends.send(http_request("POST", "/v1/completions", "{}"));
  endless.send(http_request("POST", "/v1/completions", "{\"endless\": 1}"));
  EXPECT_TRUE(ends.wait_for("data: 1"));
  EXPECT_TRUE(endless.wait_for("data: 1"));
  router.request_stop();
  EXPECT_TRUE(idle.wait_for_close());
  first.open();
  EXPECT_TRUE(ends.read_reply().complete);
  const SocketReply cut = endless.read_reply();
  EXPECT_FALSE(cut.complete);
  EXPECT_THAT(cut.body, HasSubstr("the router stopped"));
  EXPECT_TRUE(router.stop());
}

TEST(Router, TellsItsHealthAndItsFigures) {
  ScriptedServer backend(named("x"));
  RunningRouter router({backend.url()});
  EXPECT_EQ(router.request("GET", "/health").body, R"({"status":"ok","backends_up":1,"backends":1})");
  router.ask();
  const std::string name = "backend=\"" + backend.url() + "\"";
  const std::string text = router.request("GET", "/metrics").body;
  EXPECT_THAT(text, HasSubstr("cairn_route_backend_up{" + name + "} 1"));
  EXPECT_THAT(text, HasSubstr("cairn_route_answers_total{" + name + ",status=\"200\"} 1"));
  EXPECT_THAT(text, HasSubstr("cairn_route_inflight_requests{" + name + "} 0"));
  EXPECT_THAT(text, HasSubstr("cairn_route_head_seconds_count{" + name + "} 1"));
}

}  // namespace
}  // namespace cairn
