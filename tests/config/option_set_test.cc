// Property: each option is found under its names in file, variables and flags, and under no other option's.
#include "config/option_set.h"

#include <gtest/gtest.h>

#include "config/sample.h"

namespace cairn {
namespace {

struct Bound {
  Bound() {
    options.add("", "Memory", top);
    options.add("cache", "Cache", cache);
    options.add("serve", "Serve", serve);
  }
  config_sample::TopConfig top;
  config_sample::CacheSample cache;
  config_sample::ServeSample serve;
  OptionSet options;
};

TEST(OptionSet, ShortNamesOnlyWhereUnique) {
  Bound bound;
  EXPECT_EQ(bound.options.find_flag("ram-bytes")->path(), "ram_bytes");
  EXPECT_EQ(bound.options.find_flag("promote")->path(), "cache.promote");
  EXPECT_EQ(bound.options.find_flag("cache-promote")->path(), "cache.promote");
  EXPECT_EQ(bound.options.find_flag("load-stall-ms"), nullptr);
  EXPECT_EQ(bound.options.find_flag("serve-load-stall-ms")->path(), "serve.load_stall_ms");
  EXPECT_EQ(bound.options.find_variable("CAIRN_PROMOTE")->path(), "cache.promote");
  EXPECT_EQ(bound.options.find_variable("CAIRN_CACHE_LOAD_STALL_MS")->path(), "cache.load_stall_ms");
  EXPECT_EQ(bound.options.find_variable("CAIRN_LOAD_STALL_MS"), nullptr);
}

TEST(OptionSet, AListsFlagIsSingularToo) {
  Bound bound;
  EXPECT_EQ(bound.options.find_flag("store")->path(), "stores");
  EXPECT_EQ(bound.options.find_flag("stores")->path(), "stores");
  EXPECT_EQ(bound.options.find_flag("ram-byte"), nullptr);
}

TEST(OptionSet, EveryOptionIsFoundByItsOwnNames) {
  Bound bound;
  for (const Option& option : bound.options.options()) {
    EXPECT_EQ(bound.options.find_flag(bound.options.flag_of(option)), &option);
    EXPECT_EQ(bound.options.find_variable(bound.options.variable_of(option)), &option);
  }
}

TEST(OptionSet, KnowsWhichFieldsHoldSecrets) {
  for (const char* name : {"api_keys", "api_key", "secret_access_key", "s3_secret", "auth_token", "proxy_password"})
    EXPECT_TRUE(names_secret(name)) << name;
  for (const char* name :
       {"chunk_tokens", "output_tokens_max", "api_keys_file", "key", "access_key_id", "api_keys_max"})
    EXPECT_FALSE(names_secret(name)) << name;
}

}  // namespace
}  // namespace cairn
