// Property: a file's keys tell whose it is, and what it and the variables give becomes one list of values.
#include "config/lmcache_source.h"

#include <gmock/gmock.h>

#include "config/sample.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<FileSetting> yaml(const std::string& text) { return read_yaml(text, "c.yaml").value(); }

using Given = std::vector<std::pair<std::string, std::string>>;

Result<Dialect> dialect(const std::string& text) {
  config_sample::TopConfig top;
  config_sample::CacheSample cache;
  OptionSet options;
  options.add("", "", top);
  options.add("cache", "", cache);
  options.add_foreign_section("route");
  return dialect_of(yaml(text), "c.yaml", options);
}

TEST(LmcacheSource, KeysThatOnlyOneHasTellTheDialect) {
  EXPECT_EQ(dialect("chunk_size: 256\nunknown: 1\n").value(), Dialect::kLmcache);
  EXPECT_EQ(dialect("extra_config:\n  ram_bytes: 1\n").value(), Dialect::kLmcache) << "nested keys do not tell";
  EXPECT_EQ(dialect("ram_bytes: 1GiB\nunknown: 1\n").value(), Dialect::kCairn);
  EXPECT_EQ(dialect("cache:\n  promote: no\n").value(), Dialect::kCairn);
  EXPECT_EQ(dialect("route:\n  chunk_size: 1\n").value(), Dialect::kCairn);
  EXPECT_EQ(dialect("promote: no\n").value(), Dialect::kCairn) << "under the wrong section, but Cairn's";
  EXPECT_EQ(dialect("unknown: 1\n").value(), Dialect::kOpen);
  EXPECT_EQ(dialect("").value(), Dialect::kOpen);
}

TEST(LmcacheSource, AMixtureIsRefusedWithBothKeys) {
  EXPECT_THAT(dialect("ram_bytes: 1GiB\nchunk_size: 256\n").error().detail,
              AllOf(StartsWith("c.yaml:2: chunk_size is LMCache's, ram_bytes (line 1) is Cairn's"),
                    HasSubstr("cairn config convert")));
}

TEST(LmcacheSource, AFileGivesValuesWithTheirPlace) {
  const auto values = lmcache_values(yaml("chunk_size: 256\nremote_url: null\nlocal_disk: [/a, /b]\nextra_config:\n"
                                          "  s3_region: us-east-1\n"),
                                     "c.yaml")
                          .value();
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[0].name, "chunk_size");
  EXPECT_EQ(values[0].where, "c.yaml:1 chunk_size");
  EXPECT_TRUE(values[1].values.empty());
  EXPECT_TRUE(values[2].is_list);
  EXPECT_EQ(values[3].name, "extra_config.s3_region");
  EXPECT_EQ(values[3].where, "c.yaml:5 extra_config.s3_region");
}

TEST(LmcacheSource, MapsStandOnlyWhereLmcacheHasOne) {
  EXPECT_EQ(lmcache_values(yaml("chunk_size:\n  a: 1\n"), "c.yaml").error().detail,
            "c.yaml:1: chunk_size is a value, not a map");
  EXPECT_THAT(lmcache_values(yaml("extra_config: x\n"), "c.yaml").error().detail,
              StartsWith("c.yaml:1: extra_config is a map"));
  EXPECT_TRUE(lmcache_values(yaml("extra_config: null\n"), "c.yaml"));
}

TEST(LmcacheSource, VariablesAreValuesToo) {
  const Given variables = {{"PATH", "/bin"},
                           {"LMCACHE_CONFIG_FILE", "x"},
                           {"LMCACHE_LOCAL_CPU", " 'False' "},
                           {"LMCACHE_USE_EXPERIMENTAL", "True"},
                           {"LMCACHE_EXTRA_CONFIG", R"({"s3_region": "eu-1", "nodes": [1, 2]})"}};
  const auto values = lmcache_values(variables).value();
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[0].name, "local_cpu");
  EXPECT_EQ(values[0].values, std::vector<std::string>{"False"});
  EXPECT_EQ(values[0].where, "LMCACHE_LOCAL_CPU");
  EXPECT_EQ(values[1].name, "LMCACHE_USE_EXPERIMENTAL");
  EXPECT_EQ(values[2].name, "extra_config.s3_region");
  EXPECT_EQ(values[2].where, "LMCACHE_EXTRA_CONFIG s3_region");
  EXPECT_TRUE(values[3].is_list);
}

TEST(LmcacheSource, VariablesThatNearlyAreOnesAreRefusedAndStrangersAreNot) {
  const auto refusal = [](const std::string& name) {
    const auto values = lmcache_values(Given{{name, "1"}});
    return values ? "accepted" : values.error().detail;
  };
  EXPECT_THAT(refusal("LMCACHE_CHUNK_SIZES"), HasSubstr("did you mean \"LMCACHE_CHUNK_SIZE\"?"));
  EXPECT_THAT(refusal("LMCACHE_LOG_LEVELS"), HasSubstr("did you mean \"LMCACHE_LOG_LEVEL\"?"));
  for (const char* name : {"LMCACHE_SERVICE_HOST", "LMCACHE_PORT_80_TCP_ADDR", "LMCACHE_ZZZZ", "XLMCACHE_CHUNK_SIZES"})
    EXPECT_EQ(refusal(name), "accepted") << name;
  EXPECT_THAT(lmcache_values(Given{{"LMCACHE_EXTRA_CONFIG", "{"}}).error().detail, StartsWith("LMCACHE_EXTRA_CONFIG:"));
  EXPECT_THAT(lmcache_values(Given{{"LMCACHE_EXTRA_CONFIG", R"({"a": {"b": 1}})"}}).error().detail,
              HasSubstr("not a map"));
}

TEST(LmcacheSource, VariablesLieOverTheFileAndReplaceItsMap) {
  const auto file =
      lmcache_values(yaml("chunk_size: 256\nlocal_cpu: True\nextra_config:\n  s3_region: a\n  x: 1\n"), "c");
  const auto some = overlaid(file.value(), lmcache_values(Given{{"LMCACHE_LOCAL_CPU", "False"}}).value());
  ASSERT_EQ(some.size(), 4u);
  EXPECT_EQ(some.back().where, "LMCACHE_LOCAL_CPU");
  const auto map = overlaid(file.value(), lmcache_values(Given{{"LMCACHE_EXTRA_CONFIG", "{s3_region: b}"}}).value());
  ASSERT_EQ(map.size(), 3u);
  EXPECT_EQ(map.back().values, std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace cairn
