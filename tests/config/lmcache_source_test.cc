// Property: a file's keys tell whose it is, and what it and the variables give becomes one list of values.
#include "config/lmcache_source.h"

#include <gmock/gmock.h>

#include "config/sample.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<FileSetting> yaml(const std::string& text) { return read_yaml(text, "c.yaml", kLmcacheMap).value(); }

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

TEST(LmcacheSource, OtherMapsAreValuesUnread) {
  const auto values =
      lmcache_values(yaml("nodes:\n  a: 1\nextra_config:\n  map: {a: {b: 1}}\n  list: [{a: 1}]\n  x: 1\n"), "c.yaml")
          .value();
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[1].name, "extra_config.map");
  EXPECT_EQ(values[1].where, "c.yaml:4 extra_config.map");
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(values[i].is_opaque, i < 3) << i;
}

TEST(LmcacheSource, ExtraConfigIsAMapAndAVariableIsNoKey) {
  EXPECT_THAT(lmcache_values(yaml("extra_config: x\n"), "c.yaml").error().detail,
              StartsWith("c.yaml:1: extra_config is a map"));
  EXPECT_TRUE(lmcache_values(yaml("extra_config: null\n"), "c.yaml"));
  EXPECT_EQ(lmcache_values(yaml("LMCACHE_LOG_LEVEL: info\n"), "c.yaml").error().detail,
            "c.yaml:1: LMCACHE_LOG_LEVEL is the name of a variable");
}

TEST(LmcacheSource, VariablesAreValuesToo) {
  const Given variables = {{"PATH", "/bin"},
                           {"LMCACHE_CONFIG_FILE", "x"},
                           {"LMCACHE_LOCAL_CPU", " 'False' "},
                           {"LMCACHE_USE_EXPERIMENTAL", "True"},
                           {"LMCACHE_EXTRA_CONFIG", R"({"s3_region": "eu-1", "nodes": [1, 2], "map": {"a": {}}})"}};
  const auto values = lmcache_values(variables).value();
  ASSERT_EQ(values.size(), 6u);
  EXPECT_EQ(values[0].name, "local_cpu");
  EXPECT_EQ(values[0].values, std::vector<std::string>{"False"});
  EXPECT_EQ(values[0].where, "LMCACHE_LOCAL_CPU");
  EXPECT_EQ(values[1].name, "LMCACHE_USE_EXPERIMENTAL");
  EXPECT_EQ(values[3].name, "extra_config.s3_region");
  EXPECT_EQ(values[3].where, "LMCACHE_EXTRA_CONFIG s3_region");
  EXPECT_TRUE(values[4].is_list);
  EXPECT_TRUE(values[5].is_opaque);
}

TEST(LmcacheSource, NoNameShowsTheValueThatIsPartOfIt) {
  const auto file = lmcache_values(
      yaml("extra_config: {aws_secret_access_key:canary}\n\"nixl_key: canary\":\n\"nixl_a=canary\": {a: 1}\n"),
      "c.yaml");
  for (const LmcacheValue& value : file.value()) EXPECT_EQ(value.where.find("canary"), std::string::npos);
  EXPECT_EQ(file.value()[0].where, "c.yaml:1 extra_config.aws_secret_access_key...");
  const auto variable = lmcache_values(Given{{"LMCACHE_EXTRA_CONFIG", "{aws_secret_access_key:canary}"}});
  EXPECT_EQ(variable.value()[1].where, "LMCACHE_EXTRA_CONFIG aws_secret_access_key...");
  EXPECT_THAT(dialect("{nixl_key:canary, ram_bytes: 1}").error().detail, HasSubstr("nixl_key... is LMCache's"));
}

TEST(LmcacheSource, OnlyASlipInAVariableIsRefused) {
  const auto refusal = [](const std::string& name) {
    const auto values = lmcache_values(Given{{name, "1"}});
    return values ? "accepted" : values.error().detail;
  };
  EXPECT_THAT(refusal("LMCACHE_CHUNK_SIZES"), HasSubstr("did you mean \"LMCACHE_CHUNK_SIZE\"?"));
  EXPECT_THAT(refusal("LMCACHE_LOG_LEVELS"), HasSubstr("did you mean \"LMCACHE_LOG_LEVEL\"?"));
  EXPECT_THAT(refusal("LMCACHE_REMOT_ULR"), HasSubstr("did you mean \"LMCACHE_REMOTE_URL\"?"));
  for (const std::string name : {"ENABLED", "HOST", "PATH", "SERVER", "MODE", "CONFIG", "BACKEND", "INSTANCE", "ZZZZ",
                                 "ENABLE", "URL", "SIZE", "DISK", "CPU", "ROLE", "VERSION", "LEVEL", "Chunk_Size"}) {
    const auto values = lmcache_values(Given{{"LMCACHE_" + name, "1"}}).value();
    ASSERT_EQ(values.size(), 1u) << name;
    EXPECT_EQ(values[0].name, "LMCACHE_" + name) << "kept for a notice";
  }
  for (const char* name : {"LMCACHE_SERVICE_HOST", "LMCACHE_PORT_80_TCP_ADDR", "XLMCACHE_CHUNK_SIZES"})
    EXPECT_TRUE(lmcache_values(Given{{name, "1"}}).value().empty()) << name;
  EXPECT_THAT(lmcache_values(Given{{"LMCACHE_EXTRA_CONFIG", "{"}}).error().detail, StartsWith("LMCACHE_EXTRA_CONFIG:"));
}

TEST(LmcacheSource, VariablesLieOverTheFileAndReplaceItsMap) {
  const auto file =
      lmcache_values(yaml("chunk_size: 256\nlocal_cpu: True\nextra_config:\n  s3_region: a\n  x: 1\n"), "c");
  const auto some = overlaid(file.value(), lmcache_values(Given{{"LMCACHE_LOCAL_CPU", "False"}}).value());
  ASSERT_EQ(some.size(), 4u);
  EXPECT_EQ(some.back().where, "LMCACHE_LOCAL_CPU");
  const auto map = overlaid(file.value(), lmcache_values(Given{{"LMCACHE_EXTRA_CONFIG", "{s3_region: b}"}}).value());
  ASSERT_EQ(map.size(), 4u);
  EXPECT_EQ(map.back().values, std::vector<std::string>{"b"});
  const auto names = [&file](const std::string& extra) {
    std::vector<std::string> left;
    for (const auto& value : overlaid(file.value(), lmcache_values(Given{{"LMCACHE_EXTRA_CONFIG", extra}}).value()))
      left.push_back(value.name);
    return left;
  };
  EXPECT_THAT(names("{}"), testing::ElementsAre("chunk_size", "local_cpu", "extra_config")) << "replaced by nothing";
  EXPECT_EQ(names("").size(), 4u) << "an empty variable is none";
}

}  // namespace
}  // namespace cairn
