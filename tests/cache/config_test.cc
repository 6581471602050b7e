// Every broken value is refused by name; policies read back as they are written.
#include "cache/config.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(CacheConfig, DefaultsAreValidAndBrokenValuesAreNamed) {
  EXPECT_TRUE(CacheConfig{}.validate());
  const auto refused = [](auto change, const char* name) {
    CacheConfig config;
    change(config);
    const Result<void> result = config.validate();
    ASSERT_FALSE(result) << name;
    EXPECT_NE(result.error().detail.find(name), std::string::npos);
  };
  refused([](CacheConfig& config) { config.load_stall_ms = 0; }, "load_stall_ms");
  refused([](CacheConfig& config) { config.inflight_bytes_max = 0; }, "inflight_bytes_max");
  refused([](CacheConfig& config) { config.breaker_errors = 0; }, "breaker_errors");
  refused([](CacheConfig& config) { config.breaker_open_ms = 0; }, "breaker_open_ms");
}

TEST(CacheConfig, PoliciesReadBack) {
  for (const LoadPolicy policy : {LoadPolicy::kAuto, LoadPolicy::kAlways, LoadPolicy::kNever}) {
    EXPECT_EQ(*parse_load_policy(to_string(policy)), policy);
  }
  EXPECT_FALSE(parse_load_policy("sometimes"));
}

}  // namespace
}  // namespace cairn
