// Property: names that no service, path or header can carry are refused in one line.
#include "s3/config.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

S3Config good() {
  S3Config config;
  config.bucket = "kv-cache";
  config.region = "eu-central-1";
  return config;
}

std::string refusal(const std::function<void(S3Config&)>& change) {
  S3Config config = good();
  change(config);
  const Result<void> valid = config.validate();
  return valid ? "" : valid.error().detail;
}

TEST(S3Config, OddNamesAreRefused) {
  EXPECT_EQ(refusal([](S3Config&) {}), "");
  EXPECT_EQ(refusal([](S3Config& c) { c.prefix = "team/llm-1/kv_cache.v2"; }), "");
  for (const char* bucket : {"", "ab", "Upper", "a..b", ".abc", "abc.", "a/b", "a b", "kv--use1-az4--x-s3"}) {
    EXPECT_NE(refusal([&](S3Config& c) { c.bucket = bucket; }), "") << bucket;
  }
  for (const char* prefix : {"/a", "a/", "a//b", "a/../b", ".", "a b", "a%2fb", "a\nb", "ä"}) {
    EXPECT_NE(refusal([&](S3Config& c) { c.prefix = prefix; }), "") << prefix;
  }
  for (const char* endpoint : {"http://h", "h/p", "user@h", "h?x", "h h"}) {
    EXPECT_NE(refusal([&](S3Config& c) { c.endpoint = endpoint; }), "") << endpoint;
  }
  EXPECT_NE(refusal([](S3Config& c) { c.access_key_id = "only"; }), "");
  EXPECT_NE(refusal([](S3Config& c) { c.session_token = "a\r\nb"; }), "");
  EXPECT_NE(refusal([](S3Config& c) { c.part_bytes = 5; }), "");
}

struct Names {
  std::vector<std::string> seen;
  template <class T>
  void field(const char* name, T S3Config::*, const char* help) {
    EXPECT_GT(std::string(help).size(), 5u) << name;
    seen.push_back(name);
  }
};

TEST(S3Config, EverySettingStandsInTheDocumentation) {
  std::ifstream file(std::filesystem::path(CAIRN_SOURCE_DIR) / "docs/s3.md");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  Names names;
  S3Config::describe(names);
  EXPECT_GT(names.seen.size(), 15u);
  for (const std::string& name : names.seen) EXPECT_NE(text.find("`" + name + "`"), std::string::npos) << name;
}

}  // namespace
}  // namespace cairn
