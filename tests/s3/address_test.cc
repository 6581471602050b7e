// Property: an object has one URL; what is signed is what is sent.
#include "s3/address.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

S3Config good() {
  S3Config config;
  config.bucket = "kv-cache";
  config.region = "eu-central-1";
  return config;
}

TEST(S3Address, TheBucketStandsInTheHostWhereItCan) {
  S3Config config = good();
  EXPECT_EQ(S3Address(config).host(), "kv-cache.s3.eu-central-1.amazonaws.com");
  EXPECT_EQ(S3Address(config).path("a/b"), "/a/b");
  config.endpoint = "127.0.0.1:7070";
  config.tls = false;
  EXPECT_EQ(S3Address(config).host(), "127.0.0.1:7070");
  EXPECT_EQ(S3Address(config).url(S3Address(config).path("a")), "http://127.0.0.1:7070/kv-cache/a");
  config.endpoint = "minio:9000";
  EXPECT_EQ(S3Address(config).host(), "minio:9000") << "a bare name has no names below it";
  config.endpoint = "s3.example.com";
  EXPECT_EQ(S3Address(config).host(), "kv-cache.s3.example.com");
  config.path_style = true;
  EXPECT_EQ(S3Address(config).host(), "s3.example.com");
  config = good();
  config.bucket = "kv.cache";
  EXPECT_EQ(S3Address(config).path(""), "/kv.cache/") << "a dot breaks the certificate";
  config = good();
  config.endpoint = "s3.example.com:443";
  EXPECT_EQ(S3Address(config).host(), "kv-cache.s3.example.com") << "the scheme's own port is not in Host";
}

}  // namespace
}  // namespace cairn
