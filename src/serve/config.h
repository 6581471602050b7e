// Configuration of the OpenAI server: its HTTP endpoint and how much it takes on.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "http/config.h"

namespace cairn {

struct ServerConfig : HttpConfig {
  std::uint32_t inflight_requests_max = 1024;
  std::uint32_t inflight_per_tenant_max = 1024;
  std::uint32_t prompts_max = 256;

  Result<void> validate() const;  // of all of it; kInvalid names the field first
  template <class V>
  static void describe(V& v) {
    using C = ServerConfig;
    HttpConfig::describe_as<C>(v);
    v.field("inflight_requests_max", &C::inflight_requests_max, "sequences generated or waiting; more get a 429");
    v.field("inflight_per_tenant_max", &C::inflight_per_tenant_max, "the same of one tenant");
    v.field("prompts_max", &C::prompts_max, "prompts in one request");
  }
};

}  // namespace cairn
