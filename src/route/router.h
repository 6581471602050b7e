// A front door for many OpenAI-compatible servers: passes requests and answers through as bytes, and reads no more of
// them than its policy needs.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "http/config.h"
#include "route/config.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace cairn {

// Borrowed; all outlive the router.
struct RouterDeps {
  const Clock& clock;
  Metrics& metrics;
  Log& log;
};

class Router {
 public:
  // Listens at once. kInvalid: configuration; kUnavailable: the address.
  static Result<std::unique_ptr<Router>> bind(const HttpConfig& http, const RouterConfig& config,
                                              const RouterDeps& deps);
  ~Router();

  std::string url() const;  // "http://127.0.0.1:8000", with the real port
  // The calling thread serves until `stop` and the drain behind it. Writes http.ready_file first.
  Result<void> serve(std::stop_token stop);

 private:
  struct Impl;
  explicit Router(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
