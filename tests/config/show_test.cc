// Property: what is shown loads again to the same values, and no secret is ever in it.
#include "config/show.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "config/load.h"
#include "config/sample.h"

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST(Show, YamlLoadsBackToTheSameValues) {
  Bound first;
  ASSERT_TRUE(
      load_options(first.options, {{"--ram-bytes", "3MiB", "--store", "file:///a b?x=\"1\"", "--ratio", "0.25"}, {}}));
  const std::string text = show_yaml(first.options);
  EXPECT_THAT(text, HasSubstr("ram_bytes: 3MiB"));
  EXPECT_THAT(text, HasSubstr("# --ram-bytes\n"));
  const std::string path = testing::TempDir() + "cairn_show_" + std::to_string(::getpid()) + ".yaml";
  std::ofstream(path) << text;
  Bound second;
  const auto loaded = load_options(second.options, {{"--config", path}, {}});
  ::unlink(path.c_str());
  ASSERT_TRUE(loaded) << loaded.error().detail << "\n" << text;
  EXPECT_EQ(second.top.ram_bytes, 3u << 20);
  EXPECT_EQ(second.top.stores, first.top.stores);
  EXPECT_EQ(second.serve.ratio, 0.25);
  EXPECT_FALSE(second.top.chunk_tokens);
}

TEST(Show, WhatIsRedactedIsACommentSoThatTheRestLoadsBack) {
  Bound first;
  ASSERT_TRUE(load_options(first.options, {{"--api-key", "canary", "--nice", "3"}, {}}));
  const std::string text = show_yaml(first.options);
  EXPECT_THAT(text, HasSubstr("  # api_keys: "));
  const std::string path = testing::TempDir() + "cairn_show_secret_" + std::to_string(::getpid()) + ".yaml";
  std::ofstream(path) << text;
  Bound second;
  const auto loaded = load_options(second.options, {{"--config", path}, {}});
  ::unlink(path.c_str());
  ASSERT_TRUE(loaded) << loaded.error().detail << "\n" << text;
  EXPECT_TRUE(second.serve.api_keys.empty());
  EXPECT_EQ(second.serve.nice, 3);
}

TEST(Show, TextIsOneSettingALineWithItsOrigin) {
  Bound bound;
  ASSERT_TRUE(load_options(bound.options, {{"--ram-bytes", "3MiB"}, {}}));
  std::istringstream lines(show_text(bound.options));
  std::string path, value, origin;
  lines >> path >> value >> origin;
  EXPECT_EQ(path + " " + value + " " + origin, "ram_bytes 3MiB --ram-bytes");
  EXPECT_THAT(show_text(bound.options), testing::ContainsRegex("cache.load_stall_ms +200 +default\n"));
}

TEST(Show, JsonHasTypedValuesAndOrigins) {
  Bound bound;
  ASSERT_TRUE(load_options(bound.options, {{"--no-promote", "--nice", "-3"}, {{"CAIRN_RAM_BYTES", "1MiB"}}}));
  const auto json = nlohmann::json::parse(show_json(bound.options));
  EXPECT_EQ(json["ram_bytes"]["value"], 1 << 20);
  EXPECT_EQ(json["ram_bytes"]["origin"], "CAIRN_RAM_BYTES");
  EXPECT_EQ(json["cache"]["promote"]["value"], false);
  EXPECT_EQ(json["serve"]["nice"]["value"], -3);
  EXPECT_EQ(json["serve"]["ratio"]["value"], 0.5);
  EXPECT_TRUE(json["chunk_tokens"]["value"].is_null());
}

TEST(Show, SecretsAreRedacted) {
  Bound bound;
  ASSERT_TRUE(load_options(
      bound.options,
      {{"--api-key", "canary-1", "--store", "s3://id:canary-2@bucket/x?secret_key=canary-3&region=r"}, {}}));
  for (const std::string& text :
       {show_text(bound.options), show_yaml(bound.options), show_json(bound.options), help_text(bound.options, {})}) {
    EXPECT_THAT(text, Not(HasSubstr("canary")));
  }
  EXPECT_THAT(show_text(bound.options), HasSubstr("s3://[redacted]@bucket/x?secret_key=[redacted]&region=r"));
  EXPECT_EQ(redact_url("file:///a@b/c?x=1"), "file:///a@b/c?x=1");
  EXPECT_EQ(redact_url("no url"), "no url");
}

TEST(Show, HelpNamesEveryFlagWithItsDefault) {
  Bound bound;
  const std::string help = help_text(bound.options, {"cairn x [options]", "Does x."});
  for (const Option& option : bound.options.options())
    EXPECT_THAT(help, HasSubstr("  --" + bound.options.flag_of(option)));
  EXPECT_THAT(help, HasSubstr("usage: cairn x [options]\n"));
  EXPECT_THAT(help, HasSubstr("--load-policy auto|always|never"));
  EXPECT_THAT(help, HasSubstr("[1GiB]"));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 120u) << line;
}

struct One {
  std::uint32_t one = 1;
  Result<void> validate() const { return {}; }
  static void describe(auto& v) { v.field("one", &One::one, "of the first"); }
};
struct Two {
  std::uint32_t two = 2;
  Result<void> validate() const { return {}; }
  static void describe(auto& v) { v.field("two", &Two::two, "of the second"); }
};

TEST(Show, GroupsOfOneSectionEachListTheirOwn) {
  One first;
  Two second;
  OptionSet options;
  options.add("", "Eins", first);
  options.add("", "Zwei", second);
  const std::string help = help_text(options, {"cairn x", ""});
  EXPECT_EQ(help.find("of the first"), help.rfind("of the first"));
  EXPECT_LT(help.find("Eins"), help.find("--one"));
  EXPECT_LT(help.find("--one"), help.find("Zwei"));
  EXPECT_LT(help.find("Zwei"), help.find("--two"));
  const std::string yaml = show_yaml(options);
  EXPECT_EQ(yaml.find("one: 1"), yaml.rfind("one: 1"));
}

TEST(Show, HelpTellsOfTheFileAndOfListsOnlyWhereThereAreSome) {
  Bound bound;
  const std::string with_file = help_text(bound.options, {"cairn x", "", "cairn x --nice 1", ConfigFile::kRead});
  EXPECT_THAT(with_file, HasSubstr("Example: cairn x --nice 1\n"));
  EXPECT_THAT(with_file, HasSubstr("(section `cache` of the file)"));
  EXPECT_THAT(with_file, HasSubstr("--store A --store B is stores: [A, B] and CAIRN_STORES=A,B."));
  const std::string words = "one two three four five six seven eight nine ten eleven twelve";
  const std::string wide = help_text(bound.options, {"cairn x", words + " " + words + " " + words + "\n\n  as it is"});
  EXPECT_THAT(wide, HasSubstr("\n\n  as it is\n"));
  std::istringstream lines(wide);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 110u) << line;
  const std::string without = help_text(bound.options, {"cairn x", ""});
  EXPECT_THAT(without, Not(HasSubstr("--config")));
  EXPECT_THAT(without, Not(HasSubstr("of the file")));
}

}  // namespace
}  // namespace cairn
