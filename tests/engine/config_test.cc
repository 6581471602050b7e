// Property: a configuration that cannot work is refused by name.
#include "engine/config.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

std::string problem(const EngineConfig& config) {
  const auto result = config.validate();
  return result ? "" : result.error().detail;
}

TEST(EngineConfig, DefaultsAreValidAndBrokenValuesAreNamed) {
  EXPECT_EQ(problem({}), "");
  EXPECT_NE(problem({.step_tokens_max = 0}).find("step_tokens_max"), std::string::npos);
  EXPECT_NE(problem({.mixed_step_tokens = 0}).find("mixed_step_tokens"), std::string::npos);
  EXPECT_NE(problem({.step_tokens_max = 8, .sequences_max = 9}).find("sequences_max"), std::string::npos);
  EXPECT_NE(problem({.queue_max = 0}).find("queue_max"), std::string::npos);
  EXPECT_NE(problem({.device_kv_bytes = 0}).find("device_kv_bytes"), std::string::npos);
  EXPECT_NE(problem({.threads = 5000}).find("threads"), std::string::npos);
}

struct Names {
  std::vector<std::string> seen;
  template <class T>
  void field(const char* name, T EngineConfig::*, const char* help) {
    EXPECT_GT(std::string(help).size(), 10u);
    seen.push_back(name);
  }
};
TEST(EngineConfig, DescribesEveryField) {
  Names names;
  EngineConfig::describe(names);
  EXPECT_EQ(names.seen, (std::vector<std::string>{"device_kv_bytes", "step_tokens_max", "mixed_step_tokens",
                                                  "sequences_max", "queue_max", "threads", "save_decode_cache"}));
}

}  // namespace
}  // namespace cairn
