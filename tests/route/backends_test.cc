// A backend that is not well is left out, and comes back by itself.
#include "route/backends.h"

#include <gtest/gtest.h>

#include "route/running_router.h"

namespace cairn {
namespace {

using test::RunningRouter;
using test::ScriptedServer;
using test::ServedConnection;

TEST(Backends, OneThatIsSickIsLeftOutAndComesBack) {
  std::atomic<bool> well{true};
  ScriptedServer backend([&](ServedConnection& connection) {
    for (std::string request = connection.read_request(); !request.empty(); request = connection.read_request()) {
      const bool good = well || !request.starts_with("GET /health ");
      if (!connection.answer("a", good ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 500 Sick\r\n")) return;
    }
  });
  ScriptedServer other(test::named("b"));
  RouterConfig config;
  config.health_interval_ms = 10;
  RunningRouter router({backend.url(), other.url()}, config);
  const std::string up = "cairn_route_backend_up{backend=\"" + backend.url() + "\"} ";
  EXPECT_TRUE(router.wait_for_metric(up + "1"));
  well = false;
  EXPECT_TRUE(router.wait_for_metric(up + "0"));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(router.ask().body, "b");
  well = true;
  EXPECT_TRUE(router.wait_for_metric(up + "1"));
  bool asked = false;
  for (int i = 0; i < 6; ++i) asked = asked || router.ask().body == "a";
  EXPECT_TRUE(asked);
}

TEST(Backends, OneThatDoesNotAnswerItsCheckIsLeftOut) {
  ScriptedServer hanging([](ServedConnection& connection) {
    connection.read_request();
    connection.until_closed();
  });
  ScriptedServer endless([](ServedConnection& connection) {
    connection.read_request();
    connection.begin_chunked();
    while (connection.send_chunk(std::string(8192, 'x'))) {
    }
  });
  ScriptedServer dribbling([](ServedConnection& connection) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    connection.send("x");
    connection.until_closed();
  });
  RouterConfig config;
  config.health_interval_ms = config.health_timeout_ms = 10;
  RunningRouter router({hanging.url(), endless.url(), dribbling.url()}, config);
  EXPECT_TRUE(router.wait_for_metric("cairn_route_backend_up{backend=\"" + dribbling.url() + "\"} 0"));
  EXPECT_TRUE(router.wait_for_metric("cairn_route_backend_up{backend=\"" + hanging.url() + "\"} 0"));
  EXPECT_TRUE(router.wait_for_metric("cairn_route_backend_up{backend=\"" + endless.url() + "\"} 0"));
}

}  // namespace
}  // namespace cairn
