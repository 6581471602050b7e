// A listening socket, its connections and the one thread that serves them. Coroutines inside, none outside.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "serve/config.h"
#include "serve/http.h"

namespace cairn {

class HttpServer {
 public:
  // Binds and listens at once; clients queue until run(). kInvalid: the address; kUnavailable: "in use" and the like.
  // `service` and `clock` outlive the server.
  static Result<std::unique_ptr<HttpServer>> bind(const ServerConfig& config, HttpService& service, const Clock& clock);
  ~HttpServer();

  std::uint16_t port() const;
  // The calling thread becomes the I/O thread until the drain after stop() is over. kTimeout: the service stayed busy.
  Result<void> run();
  // Any thread, any number of times. Answers under way get drain_ms, then their service is told to end them; requests
  // that come meanwhile are still read, one a connection, so that the service can refuse them.
  void stop();
  bool stopping() const;  // I/O thread
  // Runs `work` on the I/O thread; any thread. Dropped once run() has returned.
  void post(std::function<void()> work);
  // I/O thread: the service became idle.
  void service_idle();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
