// One connection: reads a request, admits it, answers it, again. For server.cc only. I/O thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "http/config.h"
#include "http/exchange.h"
#include "http/loop.h"

namespace cairn {

// What all connections share.
struct ConnectionShared {
  HttpLoop& loop;
  const HttpConfig& config;
  HttpService& service;
  const Clock& clock;
  std::uint64_t body_bytes = 0;  // of all requests being received
  bool stopping = false;
};

struct AcceptedSocket {
  int descriptor = -1;  // owned by whoever holds this
  bool v6 = false;
};

class HttpConnection {
 public:
  // Takes the socket. `closed` is called once, later, when the connection has ended.
  static std::shared_ptr<HttpConnection> start(AcceptedSocket socket, ConnectionShared& shared,
                                               std::function<void(const std::shared_ptr<HttpConnection>&)> closed);
  virtual ~HttpConnection() = default;
  virtual void stop() = 0;                  // idle: closes; answering: closes after the answer
  virtual void finish() = 0;                // the answer under way must end now: its last words, then closes
  virtual void cut(GoneReason reason) = 0;  // closes now
  virtual bool answering() const = 0;
};

}  // namespace cairn
