// A listening socket, its connections and the one thread that serves them. Coroutines inside, none outside.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "http/config.h"
#include "http/exchange.h"
#include "http/loop.h"

namespace cairn {

// Whether a ready_file can be written; an empty path is right. kInvalid says what is wrong with it.
Result<void> check_ready_file(const std::string& path);

class HttpServer {
 public:
  // Binds and listens at once; clients queue until run(). kInvalid: the address; kUnavailable: "in use" and the like.
  // The others outlive the server.
  static Result<std::unique_ptr<HttpServer>> bind(HttpLoop& loop, const HttpConfig& config, HttpService& service,
                                                  const Clock& clock);
  ~HttpServer();

  std::string url() const;  // "http://127.0.0.1:8000", with the real port
  // The calling thread turns the loop until the drain after stop() is over. Writes config.ready_file first. kTimeout:
  // the service stayed busy.
  Result<void> run();
  // Any thread, any number of times. Answers under way get drain_ms, then their service is told to end them; requests
  // that come meanwhile are still read, one a connection, so that the service can refuse them.
  void stop();
  bool stopping() const;  // I/O thread
  // I/O thread: the service became idle.
  void service_idle();

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
