// Property: every broken value is refused by its name, those of its HTTP endpoint included.
#include "serve/config.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(ServerConfig, BrokenValuesAreNamed) {
  EXPECT_TRUE(ServerConfig{}.validate());
  const auto refusal = [](auto change) {
    ServerConfig config;
    change(config);
    const auto valid = config.validate();
    return valid ? std::string("accepted") : valid.error().detail.substr(0, valid.error().detail.find_first_of(" :"));
  };
  EXPECT_EQ(refusal([](ServerConfig& c) { c.inflight_requests_max = 0; }), "inflight_requests_max");
  EXPECT_EQ(refusal([](ServerConfig& c) { c.inflight_per_tenant_max = 0; }), "inflight_per_tenant_max");
  EXPECT_EQ(refusal([](ServerConfig& c) { c.prompts_max = 0; }), "prompts_max");
  EXPECT_EQ(refusal([](ServerConfig& c) { c.listen = "x"; }), "listen");
}

}  // namespace
}  // namespace cairn
