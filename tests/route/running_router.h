// A real router on a free port of the loopback, in front of scripted backends.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "route/router.h"
#include "support/scripted_server.h"
#include "support/socket_client.h"

namespace cairn::test {

// A backend that is well, and answers everything else by `script`.
inline ScriptedServer::Script healthy(std::function<bool(ServedConnection&, const std::string& request)> script) {
  return [script = std::move(script)](ServedConnection& connection) {
    for (std::string request = connection.read_request(); !request.empty(); request = connection.read_request()) {
      if (request.starts_with("GET /health ")) {
        if (!connection.answer("{}")) return;
      } else if (!script(connection, request)) {
        return;
      }
    }
  };
}
// One that tells its name and goes on.
inline ScriptedServer::Script named(const std::string& name) {
  return healthy([name](ServedConnection& connection, const std::string&) { return connection.answer(name); });
}

class RunningRouter {
 public:
  explicit RunningRouter(std::vector<std::string> urls, RouterConfig config = {}, HttpConfig http = {})
      : metrics(make_metrics()) {
    config.backends = std::move(urls);
    http.listen = "127.0.0.1:0";
    auto router = Router::bind(http, config, {clock_, *metrics, null_log()});
    CAIRN_CHECK(router.has_value(), "a test's router starts");
    router_ = std::move(*router);
    const std::string url = router_->url();
    port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    thread_ = std::thread([this] { ended_ = router_->serve(stop_.get_token()); });
  }
  ~RunningRouter() { EXPECT_TRUE(stop()); }
  std::uint16_t port() const { return port_; }
  Result<void> stop() {
    if (!thread_.joinable()) return ended_;
    stop_.request_stop();
    thread_.join();
    router_.reset();
    return ended_;
  }
  void request_stop() { stop_.request_stop(); }
  SocketReply request(const std::string& method, const std::string& path, const std::string& body = "",
                      const std::string& headers = "") {
    SocketClient client(port_);
    client.send(http_request(method, path, body, headers));
    return client.read_reply(method != "HEAD");
  }
  SocketReply ask(const std::string& headers = "") { return request("POST", "/v1/completions", "{}", headers); }
  // Asks until /metrics holds `line`; every wait of a test has a deadline.
  bool wait_for_metric(const std::string& line) {
    for (int i = 0; i < 2000; ++i) {
      if (request("GET", "/metrics").body.find(line) != std::string::npos) return true;
    }
    return false;
  }
  std::unique_ptr<Metrics> metrics;

 private:
  SystemClock clock_;
  std::unique_ptr<Router> router_;
  std::uint16_t port_ = 0;
  std::stop_source stop_;
  std::thread thread_;
  Result<void> ended_;
};

}  // namespace cairn::test
