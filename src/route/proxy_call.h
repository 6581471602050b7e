// One client's request on its way to a backend and the answer on its way back, as the bytes come. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/client.h"
#include "http/exchange.h"
#include "route/backends.h"

namespace cairn {

// What all calls share; outlives them.
struct ProxyShared {
  const RouterConfig& config;
  HttpClient& client;
  Backends& backends;
  RouteProbe& probe;
  const Clock& clock;
  std::uint64_t stream_pending_bytes_max;  // of the HTTP endpoint
};

// What a backend gets as Authorization: the router's key for it, else the client's; empty: nothing.
std::string backend_authorization(const RouterConfig& config, const HttpRequest& request);

class ProxyCall final : private HttpAnswerSink {
 public:
  // Takes the exchange. `ended` is called once, as its last act, never from within start(): then it may be destroyed.
  ProxyCall(ProxyShared& shared, std::shared_ptr<HttpExchange> exchange, std::function<void()> ended);
  ~ProxyCall() override;
  // False: no backend can be asked; nothing was sent and `ended` will not be called.
  bool start();

 private:
  void on_head(const HttpAnswerHead& head) override;
  void on_body(std::string_view bytes) override;
  void on_end(Result<void> end) override;
  bool ask_one();
  bool ask_another_instead();
  void gave_no_answer(const Error& why);
  void end_early(const char* why);
  void leave_backend();
  void finish();
  HttpHeaders request_headers() const;

  ProxyShared& shared_;
  const std::shared_ptr<HttpExchange> exchange_;
  const std::function<void()> ended_;
  const std::shared_ptr<const std::string> body_;
  std::vector<BackendId> tried_;  // the last one is asked now
  HttpCallId call_ = 0;
  std::int64_t asked_us_ = 0;
  bool begun_ = false, events_ = false, paused_ = false, asking_ = false;
};

}  // namespace cairn
