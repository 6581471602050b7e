#include "serve/config.h"

#include <string>

namespace cairn {

Result<void> ServerConfig::validate() const {
  CAIRN_TRY_VOID(HttpConfig::validate());
  const auto positive = [](const char* name, std::uint64_t value) -> Result<void> {
    if (value == 0) return invalid(std::string(name) + " must be at least 1");
    return {};
  };
  CAIRN_TRY_VOID(positive("inflight_requests_max", inflight_requests_max));
  CAIRN_TRY_VOID(positive("inflight_per_tenant_max", inflight_per_tenant_max));
  CAIRN_TRY_VOID(positive("prompts_max", prompts_max));
  return {};
}

}  // namespace cairn
