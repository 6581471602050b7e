#include "route/config.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

TEST(RouterConfig, SaysWhichFieldIsWrongAndWhatWouldBeRight) {
  RouterConfig good;
  good.backends = {"http://127.0.0.1:8001", "http://127.0.0.1:8002/"};
  ASSERT_TRUE(good.validate()) << good.validate().error().detail;
  const std::pair<std::function<void(RouterConfig&)>, const char*> cases[] = {
      {[](auto& c) { c.backends.clear(); }, "backends: name at least one"},
      {[](auto& c) { c.backends = {"127.0.0.1:1"}; }, "backends: '127.0.0.1:1' does not begin with http://"},
      {[](auto& c) { c.backends = {"http://a/v1"}; }, "backends: 'http://a/v1' has a path"},
      {[](auto& c) { c.backends = {"http://a:1", "http://a:1/"}; }, "backends: a:1 stands twice"},
      {[](auto& c) { c.session_header = "x user"; }, "session_header 'x user' is no header name"},
      {[](auto& c) { c.session_header = ""; }, "session_header '' is no header name"},
      {[](auto& c) { c.backend_api_key = "a\r\nb"; }, "backend_api_key holds a character"},
      {[](auto& c) { c.head_timeout_ms = 0; }, "head_timeout_ms is 0: 1 to"},
      {[](auto& c) { c.health_interval_ms = 1; }, "health_interval_ms is 1: 10 to"},
      {[](auto& c) { c.retries_max = 101; }, "retries_max is 101: 0 to 100"},
  };
  for (const auto& [spoil, why] : cases) {
    RouterConfig config = good;
    spoil(config);
    const auto valid = config.validate();
    ASSERT_FALSE(valid) << why;
    EXPECT_THAT(valid.error().detail, testing::StartsWith(why));
    EXPECT_THAT(valid.error().detail, testing::Not(testing::HasSubstr("a\r\nb")));
  }
}

}  // namespace
}  // namespace cairn
