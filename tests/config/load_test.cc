// Property: the later source wins and is remembered; whatever is wrong is one line with its place and a way out.
#include "config/load.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/sample.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class LoadTest : public testing::Test {
 protected:
  LoadTest() {
    options.add("", "Memory", top);
    options.add("cache", "Cache", cache);
    options.add("serve", "Serve", serve);
    options.add_foreign_section("route");
  }
  ~LoadTest() override { std::filesystem::remove(path); }

  Result<Loaded> load(const std::string& yaml, Variables variables, std::vector<std::string> arguments) {
    if (!yaml.empty()) {
      std::ofstream(path) << yaml;
      arguments.insert(arguments.begin(), {"--config", path});
    }
    return load_options(options, {std::move(arguments), std::move(variables)});
  }
  std::string refusal(const std::string& yaml, Variables variables, std::vector<std::string> arguments) {
    const auto loaded = load(yaml, std::move(variables), std::move(arguments));
    return loaded ? "accepted" : loaded.error().detail;
  }
  Origin origin(std::string_view section, std::string_view name) { return options.find(section, name)->origin; }

  const std::string path = testing::TempDir() + "cairn_load_" + std::to_string(::getpid()) + "_" +
                           testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml";
  config_sample::TopConfig top;
  config_sample::CacheSample cache;
  config_sample::ServeSample serve;
  OptionSet options;
};

TEST_F(LoadTest, DefaultsStayWithoutAnySource) {
  ASSERT_TRUE(load("", {}, {}));
  EXPECT_EQ(top.ram_bytes, 1ull << 30);
  EXPECT_FALSE(top.chunk_tokens);
  EXPECT_EQ(to_string(origin("", "ram_bytes")), "default");
}

TEST_F(LoadTest, LaterSourcesWinAndAreTheOrigin) {
  const std::string yaml =
      "ram_bytes: 1MiB\nchunk_tokens: 64\nstores: [file:///a]\ncache:\n  load_stall_ms: 10\n  promote: false\nroute:\n "
      " any: thing\n";
  const auto loaded =
      load(yaml, {{"CAIRN_RAM_BYTES", "2MiB"}, {"CAIRN_CACHE_LOAD_STALL_MS", "20"}, {"PATH", "/bin"}},
           {"MODEL", "--ram-bytes=3MiB", "--store", "file:///b", "--store=file:///c", "--load-policy", "never"});
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->positional, std::vector<std::string>{"MODEL"});
  EXPECT_EQ(top.ram_bytes, 3u << 20);
  EXPECT_EQ(top.chunk_tokens, 64u);
  EXPECT_EQ(top.stores, (std::vector<std::string>{"file:///b", "file:///c"}));
  EXPECT_EQ(cache.load_stall_ms, 20u);
  EXPECT_EQ(serve.load_stall_ms, 7u);
  EXPECT_FALSE(cache.promote);
  EXPECT_EQ(cache.load_policy, config_sample::Policy::kNever);
  EXPECT_EQ(to_string(origin("", "ram_bytes")), "--ram-bytes");
  EXPECT_EQ(to_string(origin("cache", "load_stall_ms")), "CAIRN_CACHE_LOAD_STALL_MS");
  EXPECT_EQ(to_string(origin("cache", "promote")), path + ":6");
}

TEST_F(LoadTest, SwitchesTakeNoValueAndHaveANegative) {
  ASSERT_TRUE(load("", {}, {"--no-promote", "MODEL"}));
  EXPECT_FALSE(cache.promote);
  ASSERT_TRUE(load("", {}, {"--promote", "MODEL"}));
  EXPECT_TRUE(cache.promote);
  ASSERT_TRUE(load("", {}, {"--promote=off"}));
  EXPECT_FALSE(cache.promote);
}

TEST_F(LoadTest, FileMistakesNameFileLineAndTheRightName) {
  EXPECT_THAT(refusal("cache:\n  load_stal_ms: 5\n", {}, {}),
              AllOf(StartsWith(path + ":2: no such setting \"cache.load_stal_ms\""),
                    HasSubstr("did you mean \"load_stall_ms\"?")));
  EXPECT_THAT(refusal("promote: true\n", {}, {}), HasSubstr("did you mean \"cache.promote\"?"));
  EXPECT_THAT(refusal("cach:\n  promote: true\n", {}, {}),
              HasSubstr("no such section \"cach\"; did you mean \"cache\"?"));
  EXPECT_THAT(refusal("cache: 5\n", {}, {}), HasSubstr("cache is a section"));
  EXPECT_THAT(refusal("ram_bytes:\n  x: 1\n", {}, {}), HasSubstr("is a value, not a section"));
  EXPECT_THAT(refusal("ram_bytes: lots\n", {}, {}),
              AllOf(StartsWith(path + ":1: ram_bytes: \"lots\""), HasSubstr("256MiB")));
  EXPECT_THAT(refusal("ram_bytes: [1, 2]\n", {}, {}), HasSubstr("takes one value"));
  EXPECT_THAT(refusal("", {}, {"--config", "/nonexistent/cairn.yaml"}),
              HasSubstr("/nonexistent/cairn.yaml: cannot read"));
  EXPECT_THAT(refusal("", {}, {"--config", "/"}), HasSubstr("not a regular file"));
}

TEST_F(LoadTest, ValidationNamesWhereTheFieldWasSet) {
  EXPECT_EQ(refusal("cache:\n  load_stall_ms: 0\n", {}, {}), path + ":2: cache.load_stall_ms must be at least 1");
  cache = {};
  EXPECT_EQ(refusal("", {}, {"--ram-bytes", "1"}), "--ram-bytes: ram_bytes must be at least 4096");
}

TEST_F(LoadTest, FlagMistakesAreOneLine) {
  EXPECT_THAT(refusal("", {}, {"--ram-byte", "1"}),
              AllOf(StartsWith("--ram-byte: no such flag"), HasSubstr("\"--ram-bytes\"")));
  EXPECT_EQ(refusal("", {}, {"--ram-bytes"}), "--ram-bytes needs a value");
  EXPECT_EQ(refusal("", {}, {"--ram-bytes", "--promote"}), "--ram-bytes needs a value");
  EXPECT_EQ(refusal("", {}, {"--ram-bytes", "1MiB", "--ram-bytes=2MiB"}), "--ram-bytes is given twice");
  EXPECT_THAT(refusal("", {}, {"-x"}), HasSubstr("two dashes"));
  EXPECT_THAT(refusal("", {}, {"--no-ram-bytes"}), HasSubstr("no such flag"));
  for (const std::string& text : {refusal("", {}, {"--bad\nflag"}), refusal("a: \"x\\ny\"\n", {}, {})})
    EXPECT_THAT(text, Not(HasSubstr("accepted")));
}

TEST_F(LoadTest, NegativeNumbersAndDashesAreValues) {
  ASSERT_TRUE(load("", {}, {"--nice", "-5", "--", "--not-a-flag"}));
  EXPECT_EQ(serve.nice, -5);
}

TEST_F(LoadTest, VariablesThatAlmostFitAreRefusedAndStrangersAreNot) {
  EXPECT_THAT(refusal("", {{"CAIRN_RAM_BYTE", "5"}}, {}), HasSubstr("did you mean \"CAIRN_RAM_BYTES\"?"));
  EXPECT_THAT(refusal("", {{"CAIRN_STORE", "/a"}}, {}), HasSubstr("did you mean \"CAIRN_STORES\"?"));
  EXPECT_THAT(refusal("", {{"CAIRN_API_KEY", "k1"}}, {}),
              AllOf(HasSubstr("did you mean \"CAIRN_API_KEYS\"?"), Not(HasSubstr("k1"))));
  EXPECT_TRUE(load("",
                   {{"CAIRN_SERVICE_HOST", "10.0.0.1"},
                    {"CAIRN_SERVICE_PORT_HTTP", "80"},
                    {"CAIRN_PORT", "tcp://10.0.0.1:80"},
                    {"CAIRN_PORT_80_TCP_ADDR", "10.0.0.1"},
                    {"CAIRN_BUILD", "release"},
                    {"CAIRN_FRESH_ROOT", "/x"}},
                   {}));
  const Variables stores = {{"CAIRN_STORE", "/a"}};
  EXPECT_TRUE(load_options(options, {{}, stores, ConfigFile::kNone, {"CAIRN_STORE"}})) << "another verb's setting";
  EXPECT_THAT(refusal("", {{"CAIRN_PROMOTE", "yes"}, {"CAIRN_CACHE_PROMOTE", "no"}}, {}), HasSubstr("two variables"));
  EXPECT_THAT(refusal("", {{"CAIRN_RATIO", "half"}}, {}),
              StartsWith("CAIRN_RATIO: serve.ratio: \"half\" is not a number"));
}

TEST_F(LoadTest, TheFileIsNamedByAVariableToo) {
  std::ofstream(path) << "ram_bytes: 8192\n";
  const auto loaded = load_options(options, {{}, {{"CAIRN_CONFIG", path}}});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config_file, path);
  EXPECT_EQ(top.ram_bytes, 8192u);
}

TEST_F(LoadTest, HelpStopsBeforeAnythingIsRead) {
  const auto loaded = load("", {{"CAIRN_RAM_BYTES", "nonsense"}}, {"--help"});
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->help);
}

TEST(Environment, HoldsThisProcessesVariables) {
  ASSERT_EQ(::setenv("CAIRN_TEST_ONLY", "a=b", 1), 0);
  EXPECT_EQ(variable_or(environment(), "CAIRN_TEST_ONLY", ""), "a=b");
  ::unsetenv("CAIRN_TEST_ONLY");
  EXPECT_EQ(variable_or(environment(), "CAIRN_TEST_ONLY", "none"), "none");
}

TEST_F(LoadTest, OnlyARegularFileIsAConfigurationAndNothingIsWaitedFor) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(refusal("", {}, {"--config", path}), path + ": the configuration is not a regular file");
  EXPECT_THAT(refusal("", {}, {"--config", testing::TempDir()}), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal("", {}, {"--config", "/dev/zero"}), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal("", {}, {"--config", path + ".none"}), HasSubstr("No such file"));
  EXPECT_THAT(refusal("", {}, {"--config", ""}), HasSubstr("names a file"));
  EXPECT_THAT(refusal("", {}, {"--config=a", "--config=b"}), HasSubstr("twice"));
}

TEST_F(LoadTest, AKeyWithoutAValueIsRefused) {
  EXPECT_EQ(refusal("cache:\n  promote:\n", {}, {}),
            path + ":2: cache.promote has no value; leave the line out to keep the default");
  EXPECT_THAT(refusal("ram_bytes: null\n", {}, {}), HasSubstr(":1: ram_bytes has no value"));
  EXPECT_THAT(refusal("cache:\n", {}, {}), HasSubstr(":1: cache has no value"));
}

TEST_F(LoadTest, AListIsNoSingleValue) {
  EXPECT_THAT(refusal("ram_bytes: [8192]\n", {}, {}), HasSubstr(":1: ram_bytes takes one value, not a list"));
  EXPECT_EQ(refusal("stores: [/a]\n", {}, {}), "accepted");
}

TEST_F(LoadTest, AVerbWithoutAFileKnowsNeitherFlagNorVariableOfIt) {
  std::ofstream(path) << "no_such: 1\n";
  EXPECT_TRUE(load_options(options, {{}, {{"CAIRN_CONFIG", path}}, ConfigFile::kNone}));
  const auto flag = load_options(options, {{"--config", path}, {}, ConfigFile::kNone});
  ASSERT_FALSE(flag);
  EXPECT_THAT(flag.error().detail, HasSubstr("no such flag"));
}

TEST_F(LoadTest, ADroppedFieldIsNoSetting) {
  options.drop("serve", "nice");
  EXPECT_THAT(refusal("", {}, {"--nice", "1"}), HasSubstr("no such flag"));
}

}  // namespace
}  // namespace cairn
