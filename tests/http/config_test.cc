// Property: an address beyond loopback needs a key, and every broken value is refused by its name.
#include "http/config.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

TEST(HttpConfig, ReadsAddresses) {
  EXPECT_TRUE(parse_listen("127.0.0.1:8000").value().loopback);
  EXPECT_TRUE(parse_listen("127.9.9.9:1").value().loopback);
  EXPECT_EQ(parse_listen("localhost:80").value().host, "127.0.0.1");
  EXPECT_EQ(parse_listen("[::1]:0").value().host, "::1");
  EXPECT_TRUE(parse_listen("[::1]:0").value().loopback);
  EXPECT_FALSE(parse_listen("[::]:1").value().loopback);
  EXPECT_FALSE(parse_listen(":1").value().loopback);
  EXPECT_FALSE(parse_listen("*:1").value().loopback);
  for (const char* text : {"", "8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "host.example:1",
                           "::1:80", "[x]:1", "1.2.3:1"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
}

TEST(HttpConfig, BeyondLoopbackNeedsAKey) {
  HttpConfig config;
  EXPECT_TRUE(config.validate());
  config.listen = "0.0.0.0:8000";
  EXPECT_THAT(config.validate().error().detail, testing::HasSubstr("api_keys"));
  config.api_keys = {"k"};
  EXPECT_TRUE(config.validate());
}

TEST(HttpConfig, BrokenValuesAreNamed) {
  const auto refusal = [](auto change) {
    HttpConfig config;
    change(config);
    const auto valid = config.validate();
    return valid ? std::string("accepted") : valid.error().detail.substr(0, valid.error().detail.find_first_of(" :"));
  };
  EXPECT_EQ(refusal([](HttpConfig& c) { c.connections_max = 0; }), "connections_max");
  EXPECT_EQ(refusal([](HttpConfig& c) { c.body_bytes_max = 1; }), "body_bytes_max");
  EXPECT_EQ(refusal([](HttpConfig& c) { c.body_bytes_total_max = 1; }), "body_bytes_total_max");
  EXPECT_EQ(refusal([](HttpConfig& c) { c.header_bytes_max = 1; }), "header_bytes_max");
  EXPECT_EQ(refusal([](HttpConfig& c) { c.stream_pending_bytes_max = 1; }), "stream_pending_bytes_max");
  EXPECT_EQ(refusal([](HttpConfig& c) { c.write_timeout_ms = 0; }), "write_timeout_ms");
  EXPECT_EQ(refusal([](HttpConfig& c) { c.listen = "x"; }), "listen");
}

}  // namespace
}  // namespace cairn
