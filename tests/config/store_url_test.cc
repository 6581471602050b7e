// Property: a store URL names one place and settings of its tier; everything else is refused with an example.
#include "config/store_url.h"

#include <gmock/gmock.h>

#include "config/sample.h"

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(StoreUrl, ReadsPlaceAndQuery) {
  const auto url = parse_store_url("file:///mnt/kv%20cache/?durability=none&read_bytes_per_s=100MB").value();
  EXPECT_EQ(url.scheme, "file");
  EXPECT_EQ(url.path, "/mnt/kv cache");
  EXPECT_EQ(url.query,
            (std::vector<std::pair<std::string, std::string>>{{"durability", "none"}, {"read_bytes_per_s", "100MB"}}));
  EXPECT_EQ(parse_store_url("/mnt/kv").value().path, "/mnt/kv");
  const auto bucket = parse_store_url("S3://bucket/a/b").value();
  EXPECT_EQ(bucket.scheme, "s3");
  EXPECT_EQ(bucket.authority, "bucket");
  EXPECT_EQ(bucket.path, "/a/b");
}

TEST(StoreUrl, RefusesInOneLineWithAnExample) {
  for (const char* text : {"", "mnt/kv", "file://mnt/kv", "file://", "://x", "f le:///a", "s3:///x", "file:///a%zz",
                           "file:///a%0", "file:///a%0a", "file:///a?x", "file:///a?x=1&x=2", "file:///a?x=%00"}) {
    const auto url = parse_store_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_THAT(url.error().detail, HasSubstr("file:///mnt/kv")) << text;
    EXPECT_THAT(url.error().detail, Not(HasSubstr("\n")));
  }
  EXPECT_FALSE(parse_store_url("file:///" + std::string(10'000, 'a')));
}

TEST(StoreUrl, QueryKeysAreTheFieldsOfTheTier) {
  config_sample::CacheSample config;
  ASSERT_TRUE(apply_query(parse_store_url("file:///a?load_stall_ms=5&promote=off").value(), config));
  EXPECT_EQ(config.load_stall_ms, 5u);
  EXPECT_FALSE(config.promote);
  EXPECT_THAT(apply_query(parse_store_url("file:///a?load_stal_ms=5").value(), config).error().detail,
              HasSubstr("no such setting \"load_stal_ms\"; did you mean \"load_stall_ms\"?"));
  EXPECT_THAT(apply_query(parse_store_url("file:///a?load_stall_ms=x").value(), config).error().detail,
              HasSubstr("whole number"));
  EXPECT_FALSE(apply_query(parse_store_url("file:///a?load_stall_ms=0").value(), config));
}

TEST(StoreUrl, SecretsDoNotAppearInErrors) {
  const auto url = parse_store_url("s3://id:canary@bucket/x?a=1&a=2");
  ASSERT_FALSE(url);
  EXPECT_THAT(url.error().detail, Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace cairn
