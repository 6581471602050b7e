// Configuration of the router; its HTTP endpoint has its own (http/config.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "route/policy.h"

namespace cairn {

struct RouterConfig {
  std::vector<std::string> backends;
  RoutePolicy policy = RoutePolicy::kRoundRobin;
  std::string session_header = "x-user-id";
  std::string backend_api_key;
  std::uint32_t inflight_requests_max = 4096, inflight_per_tenant_max = 4096;
  std::uint32_t retries_max = 2;
  std::uint32_t connect_timeout_ms = 2000;
  std::uint32_t head_timeout_ms = 600'000;
  std::uint32_t idle_timeout_ms = 120'000;
  std::uint32_t health_interval_ms = 1000;
  std::uint32_t health_timeout_ms = 1000;
  std::uint32_t failures_max = 2;
  std::uint32_t successes_min = 1;

  Result<void> validate() const;  // kInvalid names the field first
  template <class V>
  static void describe(V& v) {
    using C = RouterConfig;
    v.field("backends", &C::backends, "an OpenAI-compatible server, http://HOST:PORT; once for each");
    v.field("policy", &C::policy,
            "round-robin: each in turn; least-loaded: the fewest requests in flight; session: the same for the same "
            "session_header");
    v.field("session_header", &C::session_header, "request header that names a session");
    v.field("backend_api_key", &C::backend_api_key,
            "Bearer key for the backends; without it the client's own is passed on, unless this router checked it");
    v.field("inflight_requests_max", &C::inflight_requests_max, "requests passed on at a time; more get a 429");
    v.field("inflight_per_tenant_max", &C::inflight_per_tenant_max, "the same of one tenant");
    v.field("retries_max", &C::retries_max, "other backends tried when one took no request, gave no answer or a 503");
    v.field("connect_timeout_ms", &C::connect_timeout_ms, "to connect to a backend");
    v.field("head_timeout_ms", &C::head_timeout_ms, "from the request to the whole header of its answer");
    v.field("idle_timeout_ms", &C::idle_timeout_ms, "between two pieces of an answer");
    v.field("health_interval_ms", &C::health_interval_ms, "between two checks of a backend's /health");
    v.field("health_timeout_ms", &C::health_timeout_ms, "for the answer to a check");
    v.field("failures_max", &C::failures_max, "checks that fail in a row before a backend is left out");
    v.field("successes_min", &C::successes_min, "checks that succeed in a row before it is asked again");
  }
};

}  // namespace cairn
