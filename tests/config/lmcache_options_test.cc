// Property: docs/lmcache.md says of every option what the code does with it, and each name stands once.
#include "config/lmcache_options.h"

#include <gmock/gmock.h>

#include <fstream>
#include <set>

namespace cairn {
namespace {

std::string row_of(const LmcacheOption& option) {
  std::string here = option.use == LmcacheUse::kWorks      ? "works"
                     : option.use == LmcacheUse::kAccepted ? "accepted, notice"
                                                           : "refused";
  if (!option.plain.empty()) here += " unless `" + std::string(option.plain) + "`";
  return "| `" + std::string(option.name) + "` | " + here + " | " + std::string(option.text) + " |";
}

TEST(LmcacheOptions, AreThoseOfTheDocumentInItsOrder) {
  std::ifstream document(std::string(CAIRN_SOURCE_DIR) + "/docs/lmcache.md");
  ASSERT_TRUE(document);
  std::vector<std::string> written, expected;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("| `")) written.push_back(line);
  }
  for (const LmcacheOption& option : lmcache_options()) expected.push_back(row_of(option));
  EXPECT_EQ(written, expected);
}

TEST(LmcacheOptions, StandOnceAndSayWhy) {
  std::set<std::string_view> names;
  for (const LmcacheOption& option : lmcache_options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_FALSE(option.text.empty()) << option.name;
    EXPECT_EQ(find_lmcache_option(option.name), &option) << option.name;
  }
}

TEST(LmcacheOptions, AreFoundByNameAndByPattern) {
  EXPECT_EQ(find_lmcache_option("extra_config.histogram_bucket_time_to_store")->name,
            "extra_config.histogram_bucket_*");
  EXPECT_EQ(find_lmcache_option("internal_api_server_enabled")->plain, "False") << "an exact row stands first";
  EXPECT_EQ(find_lmcache_option("internal_api_server_host")->name, "internal_api_server_*");
  EXPECT_EQ(find_lmcache_option("chunk_siz"), nullptr);
  EXPECT_EQ(find_lmcache_option("s3_region"), nullptr);
}

TEST(LmcacheOptions, PlainValuesAreComparedAsLmcacheReadsThem) {
  const LmcacheOption* blending = find_lmcache_option("enable_blending");
  for (const char* text : {"False", "false", "0", "no"}) EXPECT_TRUE(asks_nothing(*blending, text)) << text;
  for (const char* text : {"True", "1", "x"}) EXPECT_FALSE(asks_nothing(*blending, text)) << text;
  EXPECT_TRUE(asks_nothing(*find_lmcache_option("cache_policy"), "lru"));
  EXPECT_TRUE(asks_nothing(*find_lmcache_option("reserve_local_cpu_size"), "0.0"));
  EXPECT_FALSE(asks_nothing(*find_lmcache_option("gds_buffer_size"), "0"));
}

}  // namespace
}  // namespace cairn
