// Configuration of the cache; defaults in place, units in the names. Bounds keep a
// silent or slow tier from costing more than recomputing, and memory from growing with load.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace cairn {

enum class LoadPolicy : std::uint8_t { kAuto, kAlways, kNever };
Result<LoadPolicy> parse_load_policy(std::string_view text);
std::string_view to_string(LoadPolicy policy);

struct CacheConfig {
  LoadPolicy load_policy = LoadPolicy::kAuto;
  std::uint32_t load_stall_ms = 200;
  std::uint64_t write_through_bytes_max = 512 * kMiB;  // bytes waiting for slower tiers; beyond: dropped and counted
  std::uint64_t inflight_bytes_max = 1 * kGiB;         // loads and saves under way
  std::uint32_t breaker_errors = 5;                    // consecutive errors that open a tier's breaker
  std::uint32_t breaker_open_ms = 5000;                // then one probe is let through
  bool promote = true;                                 // blocks read from a slower tier are put into the RAM tier
  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    v.field("load_policy", &CacheConfig::load_policy,
            "auto: load what is predicted faster than computing; always; never");
    v.field("load_stall_ms", &CacheConfig::load_stall_ms,
            "a load without a verified segment for this long is given up");
    v.field("write_through_bytes_max", &CacheConfig::write_through_bytes_max,
            "bytes waiting for slower tiers; more is dropped and counted");
    v.field("inflight_bytes_max", &CacheConfig::inflight_bytes_max, "bytes of loads and saves under way");
    v.field("breaker_errors", &CacheConfig::breaker_errors, "consecutive errors or stalls that open a tier's breaker");
    v.field("breaker_open_ms", &CacheConfig::breaker_open_ms,
            "how long an open breaker skips its tier before one probe");
    v.field("promote", &CacheConfig::promote, "put blocks read from a slower tier into the RAM tier");
  }
};

}  // namespace cairn
