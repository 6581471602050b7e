#include "cache/config.h"

#include <string>

namespace cairn {

Result<LoadPolicy> parse_load_policy(std::string_view text) {
  if (text == "auto") return LoadPolicy::kAuto;
  if (text == "always") return LoadPolicy::kAlways;
  if (text == "never") return LoadPolicy::kNever;
  return invalid("load_policy '" + std::string(text) + "' is not one of auto, always, never");
}

std::string_view to_string(LoadPolicy policy) {
  switch (policy) {
    case LoadPolicy::kAuto:
      return "auto";
    case LoadPolicy::kAlways:
      return "always";
    case LoadPolicy::kNever:
      return "never";
  }
  return "unknown";
}

Result<void> CacheConfig::validate() const {
  if (load_stall_ms < 1 || load_stall_ms > 60'000) return invalid("load_stall_ms must be 1 to 60000");
  if (inflight_bytes_max == 0) return invalid("inflight_bytes_max must not be 0");
  if (breaker_errors < 1 || breaker_errors > 1000) return invalid("breaker_errors must be 1 to 1000");
  if (breaker_open_ms < 1 || breaker_open_ms > 3'600'000) return invalid("breaker_open_ms must be 1 to 3600000");
  return {};
}

}  // namespace cairn
