// Property: a file of LMCache's and LMCACHE_* variables set the same options as Cairn's own sources, below those, and
// every value names the key it came from.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/lmcache.h"
#include "config/load.h"
#include "config/sample.h"
#include "config/show.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

struct EngineSample {
  bool save_decode_cache = true;
  Result<void> validate() const { return {}; }
  template <class V>
  static void describe(V& v) {
    v.field("save_decode_cache", &EngineSample::save_decode_cache, "");
  }
};

class LmcacheLoadTest : public testing::Test {
 protected:
  LmcacheLoadTest() {
    options.add("", "", top);
    options.add("engine", "", engine);
    options.accept_lmcache();
  }
  ~LmcacheLoadTest() override { std::filesystem::remove(path); }

  Result<Loaded> load(const std::string& yaml, Variables variables, std::vector<std::string> arguments = {}) {
    if (!yaml.empty()) {
      std::ofstream(path) << yaml;
      arguments.insert(arguments.begin(), {"--config", path});
    }
    return load_options(options, {std::move(arguments), std::move(variables)});
  }
  std::string refusal(const std::string& yaml, Variables variables, std::vector<std::string> arguments = {}) {
    const auto loaded = load(yaml, std::move(variables), std::move(arguments));
    return loaded ? "accepted" : loaded.error().detail;
  }
  std::string origin(std::string_view name) { return to_string(options.find("", name)->origin); }

  const std::string path = testing::TempDir() + "cairn_lmcache_" + std::to_string(::getpid()) + "_" +
                           testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml";
  config_sample::TopConfig top;
  EngineSample engine;
  OptionSet options;
};

TEST_F(LmcacheLoadTest, TheFileIsKnownByItsKeys) {
  const auto loaded =
      load("chunk_size: 64\nmax_local_cpu_size: 2\nsave_decode_cache: False\nuse_layerwise: True\n", {});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(top.chunk_tokens, 64u);
  EXPECT_EQ(top.ram_bytes, 2ull << 30);
  EXPECT_FALSE(engine.save_decode_cache);
  EXPECT_EQ(origin("ram_bytes"), path + ":2 max_local_cpu_size");
  EXPECT_THAT(loaded->notices, ElementsAre(StartsWith(path + ":4 use_layerwise: without effect: ")));
  EXPECT_THAT(show_text(options), HasSubstr(path + ":2 max_local_cpu_size\n"));
}

TEST_F(LmcacheLoadTest, LaterSourcesWin) {
  const std::string yaml = "chunk_size: 64\nmax_local_cpu_size: 2\nremote_url: fs:///a\n";
  ASSERT_TRUE(load(yaml, {{"LMCACHE_MAX_LOCAL_CPU_SIZE", "3"}, {"LMCACHE_CHUNK_SIZE", "128"}}));
  EXPECT_EQ(top.ram_bytes, 3ull << 30);
  EXPECT_EQ(top.chunk_tokens, 128u);
  EXPECT_EQ(origin("ram_bytes"), "LMCACHE_MAX_LOCAL_CPU_SIZE");
  EXPECT_THAT(top.stores, ElementsAre("file:///a"));
  ASSERT_TRUE(load(yaml, {{"LMCACHE_CHUNK_SIZE", "128"}, {"CAIRN_CHUNK_TOKENS", "256"}}, {"--store", "/b"}));
  EXPECT_EQ(top.chunk_tokens, 256u);
  EXPECT_THAT(top.stores, ElementsAre("/b"));
}

TEST_F(LmcacheLoadTest, AFileAndTheVariablesAreOneConfiguration) {
  ASSERT_TRUE(load("max_local_cpu_size: 2\nremote_url: fs:///a\n",
                   {{"LMCACHE_LOCAL_CPU", "False"}, {"LMCACHE_GDS_PATH", "/g"}}, {"--ram-bytes", "1MiB"}));
  EXPECT_EQ(top.ram_bytes, 1u << 20);
  EXPECT_THAT(top.stores, ElementsAre("file:///g", "file:///a"));
  EXPECT_EQ(origin("stores"), "LMCACHE_GDS_PATH, " + path + ":2 remote_url");
}

TEST_F(LmcacheLoadTest, VariablesLieOverACairnFileToo) {
  const auto loaded = load("ram_bytes: 1MiB\nstores: [/a]\n",
                           {{"LMCACHE_REMOTE_URL", "fs:///b"}, {"LMCACHE_USE_EXPERIMENTAL", "True"}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(top.ram_bytes, 1u << 20);
  EXPECT_THAT(top.stores, ElementsAre("file:///b"));
  EXPECT_EQ(origin("stores"), "LMCACHE_REMOTE_URL");
  EXPECT_THAT(loaded->notices, ElementsAre(StartsWith("LMCACHE_USE_EXPERIMENTAL: without effect: ")));
}

TEST_F(LmcacheLoadTest, LmcachesOwnVariableNamesTheFile) {
  std::ofstream(path) << "chunk_size: 64\n";
  const auto loaded = load("", {{"LMCACHE_CONFIG_FILE", path}});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->config_file, path);
  EXPECT_EQ(top.chunk_tokens, 64u);
  std::ofstream(path) << "ram_bytes: 1MiB\n";
  EXPECT_THAT(refusal("", {{"LMCACHE_CONFIG_FILE", path}}),
              StartsWith(path + ":1 ram_bytes: LMCache has no such option"));
}

TEST_F(LmcacheLoadTest, AnEmptyMapOfAVariableReplacesTheFiles) {
  const std::string yaml = "remote_url: fs:///a\nextra_config: {fs_connector_use_odirect: True}\n";
  ASSERT_TRUE(load(yaml, {}));
  EXPECT_THAT(top.stores, ElementsAre("file:///a?direct=always"));
  ASSERT_TRUE(load(yaml, {{"LMCACHE_EXTRA_CONFIG", "{}"}}));
  EXPECT_THAT(top.stores, ElementsAre("file:///a"));
}

TEST_F(LmcacheLoadTest, EveryRefusalIsToldToWhoAsksForAll) {
  const LmcacheTranslation translation{
      {{"", "ram_bytes", {"x"}, "here"}, {"", "nothing", {"1"}, "there"}, {"", "chunk_tokens", {"64"}, "c"}},
      {},
      {"first"}};
  EXPECT_THAT(apply_lmcache(options, translation),
              ElementsAre("first", StartsWith("here: ram_bytes: "), StartsWith("there: there is no setting nothing")));
  EXPECT_EQ(top.chunk_tokens, 64u);
}

TEST_F(LmcacheLoadTest, TwoFilesAreRefused) {
  EXPECT_THAT(refusal("chunk_size: 64\n", {{"LMCACHE_CONFIG_FILE", "/l.yaml"}}),
              AllOf(StartsWith("LMCACHE_CONFIG_FILE and --config name a file each, /l.yaml and " + path),
                    HasSubstr("keep one")));
  EXPECT_THAT(refusal("", {{"LMCACHE_CONFIG_FILE", "/l.yaml"}, {"CAIRN_CONFIG", "/c.yaml"}}),
              StartsWith("LMCACHE_CONFIG_FILE and CAIRN_CONFIG name a file each, /l.yaml and /c.yaml"));
}

TEST_F(LmcacheLoadTest, WhatIsWrongIsOneLineWithItsPlace) {
  EXPECT_THAT(refusal("chunk_size: 64\nram_bytes: 1MiB\n", {}), StartsWith(path + ":1: chunk_size is LMCache's"));
  EXPECT_THAT(refusal("chunk_size: 64\nenable_blending: True\n", {}),
              StartsWith(path + ":2 enable_blending: refused: "));
  EXPECT_EQ(refusal("local_cpu: False\n", {}), path + ":1 local_cpu: ram_bytes must be at least 4096");
  EXPECT_THAT(refusal("", {{"LMCACHE_CHUNK_SIZES", "1"}}), HasSubstr("LMCACHE_CHUNK_SIZE"));
  EXPECT_THAT(refusal("{ram_bytes: 1MiB, extra_config: {a: {b: 1}}}", {}), HasSubstr("keep to one"));
  EXPECT_THAT(refusal("engine: {a: {b: 1}}\n", {}), StartsWith(path + ":1: engine.a is nested too deep"));
  EXPECT_THAT(refusal("engine: {aws_secret:canary}\n", {}), StartsWith(path + ":1: engine.aws_secret... has no value"));
  EXPECT_THAT(refusal("remote_url: s3://kv1.h.x\nextra_config: {aws_access_key_id: canary}\n", {}),
              AllOf(HasSubstr("s3_access_key_id"), testing::Not(HasSubstr("canary"))));
}

TEST_F(LmcacheLoadTest, TheHelpPageSaysSo) {
  EXPECT_THAT(help_text(options, {"cairn x", "", "", ConfigFile::kRead}), HasSubstr("these settings, or LMCache's;"));
}

TEST_F(LmcacheLoadTest, ProgramsWithOtherSettingsKnowNothingOfIt) {
  OptionSet others;
  others.add("", "", top);
  EXPECT_TRUE(load_options(others, {{}, {{"LMCACHE_CONFIG_FILE", "/nonexistent"}, {"LMCACHE_CHUNK_SIZES", "1"}}}));
  std::ofstream(path) << "chunk_size: 64\n";
  const auto loaded = load_options(others, {{"--config", path}, {}});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().detail, HasSubstr("no such setting \"chunk_size\""));
}

}  // namespace
}  // namespace cairn
