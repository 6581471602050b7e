#include "route/config.h"

#include <algorithm>
#include <set>

#include "http/origin.h"

namespace cairn {
namespace {

bool is_header_name(const std::string& name) {
  return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

Result<void> RouterConfig::validate() const {
  constexpr std::size_t kBackendsMax = 1024;
  if (backends.empty()) return invalid("backends: name at least one, such as --backend http://127.0.0.1:8001");
  if (backends.size() > kBackendsMax) return invalid("backends are more than " + std::to_string(kBackendsMax));
  std::set<std::string> seen;
  for (const std::string& url : backends) {
    const Result<HttpOrigin> origin = parse_origin(url);
    if (!origin) return invalid("backends: " + origin.error().detail);
    if (!origin->path.empty())
      return invalid("backends: '" + url + "' has a path; requests carry their own (/v1/...): give http://HOST:PORT");
    if (!seen.insert(origin->authority).second) return invalid("backends: " + origin->authority + " stands twice");
  }
  if (!is_header_name(session_header))
    return invalid("session_header '" + session_header.substr(0, 100) + "' is no header name, such as x-user-id");
  if (std::any_of(backend_api_key.begin(), backend_api_key.end(), [](char c) { return c <= ' ' || c > '~'; }))
    return invalid("backend_api_key holds a character that no header may carry");
  const auto within = [](const char* name, std::uint64_t value, std::uint64_t least,
                         std::uint64_t most) -> Result<void> {
    if (value >= least && value <= most) return {};
    return invalid(std::string(name) + " is " + std::to_string(value) + ": " + std::to_string(least) + " to " +
                   std::to_string(most));
  };
  CAIRN_TRY_VOID(within("inflight_requests_max", inflight_requests_max, 1, 1'000'000));
  CAIRN_TRY_VOID(within("inflight_per_tenant_max", inflight_per_tenant_max, 1, 1'000'000));
  CAIRN_TRY_VOID(within("retries_max", retries_max, 0, 100));
  CAIRN_TRY_VOID(within("connect_timeout_ms", connect_timeout_ms, 1, 600'000));
  CAIRN_TRY_VOID(within("head_timeout_ms", head_timeout_ms, 1, 86'400'000));
  CAIRN_TRY_VOID(within("idle_timeout_ms", idle_timeout_ms, 1, 86'400'000));
  CAIRN_TRY_VOID(within("health_interval_ms", health_interval_ms, 10, 3'600'000));
  CAIRN_TRY_VOID(within("health_timeout_ms", health_timeout_ms, 1, 600'000));
  CAIRN_TRY_VOID(within("failures_max", failures_max, 1, 1000));
  CAIRN_TRY_VOID(within("successes_min", successes_min, 1, 1000));
  return {};
}

}  // namespace cairn
