// The servers behind the router: where they are, whether they are asked, how many requests they have. Checks their
// /health on the loop. Loop thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/loop.h"
#include "route/config.h"
#include "route/health.h"
#include "route/policy.h"
#include "route/probe.h"
#include "telemetry/log.h"

namespace cairn {

class Backends {
 public:
  // Everything outlives this. The configuration is valid.
  Backends(const RouterConfig& config, HttpLoop& loop, HttpClient& client, RouteProbe& probe, Log& log);
  ~Backends();

  void start_checks();
  void stop_checks();

  std::size_t size() const { return backends_.size(); }
  std::size_t up() const;
  bool is_up(BackendId id) const;
  const HttpOrigin& origin(BackendId id) const;

  // One that is up and not among `tried`; nothing: there is none.
  std::optional<BackendId> choose(std::string_view session, std::span<const BackendId> tried);
  void request_started(BackendId id);
  void request_ended(BackendId id);
  void request_not_taken(BackendId id, const Error& why);

 private:
  class Check;
  struct Backend;
  void check_ended(BackendId id, bool succeeded, const std::string& why);
  void tell_exhausted(const Error& why);  // this router's own want, no backend's fault
  void tell(BackendId id, bool was_up, const std::string& why);

  const RouterConfig& config_;
  HttpLoop& loop_;
  HttpClient& client_;
  RouteProbe& probe_;
  Log& log_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::uint64_t turn_ = 0;
};

}  // namespace cairn
