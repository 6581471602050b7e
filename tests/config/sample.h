// A program's configuration in miniature: every kind of field that a describe list may hold.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace cairn::config_sample {

enum class Policy : std::uint8_t { kAuto, kAlways, kNever };
inline std::string_view to_string(Policy policy) {
  switch (policy) {
    case Policy::kAuto:
      return "auto";
    case Policy::kAlways:
      return "always";
    case Policy::kNever:
      return "never";
  }
  return "unknown";
}

struct TopConfig {
  std::uint64_t ram_bytes = 1ull << 30;
  std::vector<std::string> stores;
  std::optional<std::uint32_t> chunk_tokens;
  Result<void> validate() const {
    if (ram_bytes < 4096) return invalid("ram_bytes must be at least 4096");
    return {};
  }
  template <class V>
  static void describe(V& v) {
    v.field("ram_bytes", &TopConfig::ram_bytes, "host memory for blocks");
    v.field("stores", &TopConfig::stores, "shared stores, fastest first");
    v.field("chunk_tokens", &TopConfig::chunk_tokens, "tokens of a chunk; unset: the store's");
  }
};

struct CacheSample {
  Policy load_policy = Policy::kAuto;
  std::uint32_t load_stall_ms = 200;
  bool promote = true;
  Result<void> validate() const {
    if (load_stall_ms == 0) return invalid("load_stall_ms must be at least 1");
    return {};
  }
  template <class V>
  static void describe(V& v) {
    v.field("load_policy", &CacheSample::load_policy, "when to load");
    v.field("load_stall_ms", &CacheSample::load_stall_ms, "a load without progress for this long is given up");
    v.field("promote", &CacheSample::promote, "put what was read into the RAM tier");
  }
};

struct ServeSample {
  std::string listen = "127.0.0.1:8000";
  std::vector<std::string> api_keys;
  double ratio = 0.5;
  std::int32_t nice = 0;
  std::uint32_t load_stall_ms = 7;  // on purpose the name of another section's field
  Result<void> validate() const { return {}; }
  template <class V>
  static void describe(V& v) {
    v.field("listen", &ServeSample::listen, "address and port");
    v.field("api_keys", &ServeSample::api_keys, "keys that requests must carry");
    v.field("ratio", &ServeSample::ratio, "a share");
    v.field("nice", &ServeSample::nice, "priority");
    v.field("load_stall_ms", &ServeSample::load_stall_ms, "not the cache's");
  }
};

}  // namespace cairn::config_sample
