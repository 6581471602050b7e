#include "http/origin.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

TEST(HttpOrigin, NamesHostPortAndPath) {
  const auto whole = parse_origin("http://localhost:8000/v1/");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->host, "localhost");
  EXPECT_EQ(whole->port, 8000);
  EXPECT_EQ(whole->path, "/v1");
  EXPECT_EQ(whole->authority, "localhost:8000");
  const auto bare = parse_origin("http://[::1]");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->host, "::1");
  EXPECT_EQ(bare->port, 80);
  EXPECT_EQ(bare->path, "");
  EXPECT_EQ(bare->authority, "[::1]");
  EXPECT_EQ(parse_origin("http://[fe80::1]:81/")->port, 81);
}

TEST(HttpOrigin, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "does not begin"},
      {"localhost:8000", "does not begin"},
      {"https://a", "TLS"},
      {"http://", "no host"},
      {"http://:80", "no host"},
      {"http://a:0", "port"},
      {"http://a:65536", "port"},
      {"http://a:8x", "port"},
      {"http://a:", "port"},
      {"http://a/b?c", "query"},
      {"http://me:pw@a", "more than a host"},
      {"http://a?b", "more than a host"},
      {"http://a b", "space"},
      {"http://a\r\nX: y", "control"},
      {"http://[::1", "no port|IPv6"},
      {"http://x[::1]:8", "IPv6"},
  };
  for (const auto& [url, why] : cases) {
    const auto origin = parse_origin(url);
    ASSERT_FALSE(origin) << url;
    EXPECT_THAT(origin.error().detail, testing::ContainsRegex(why));
    EXPECT_THAT(origin.error().detail, testing::HasSubstr("http://HOST:PORT"));
  }
}

}  // namespace
}  // namespace cairn
