// Property: YAML becomes flat settings with their lines; anything else is one error line that names the place.
#include "config/yaml_file.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(YamlFile, GivesSettingsWithLines) {
  const auto settings =
      read_yaml("# comment\nram_bytes: 1GiB\ncache:\n  promote: no\nstores: [file:///a, 'file:///b']\n", "c.yaml")
          .value();
  ASSERT_EQ(settings.size(), 4u);
  EXPECT_EQ(settings[0].name, "ram_bytes");
  EXPECT_EQ(settings[0].line, 2u);
  EXPECT_TRUE(settings[1].is_section);
  EXPECT_EQ(settings[2].section, "cache");
  EXPECT_EQ(settings[2].values, std::vector<std::string>{"no"});
  EXPECT_EQ(settings[2].line, 4u);
  EXPECT_EQ(settings[3].values, (std::vector<std::string>{"file:///a", "file:///b"}));
}

TEST(YamlFile, EmptyTextIsNoSettings) { EXPECT_TRUE(read_yaml("", "c.yaml").value().empty()); }

TEST(YamlFile, AKeyWithoutAValueHasNone) {
  for (const char* text : {"a:\n", "a: null\n", "a: ~\n"}) {
    const auto settings = read_yaml(text, "c.yaml").value();
    ASSERT_EQ(settings.size(), 1u) << text;
    EXPECT_TRUE(settings[0].values.empty() && !settings[0].is_list && !settings[0].is_section) << text;
  }
  EXPECT_EQ(read_yaml("a: ''\n", "c.yaml").value()[0].values, std::vector<std::string>{""});
}

TEST(YamlFile, RefusesWithFileAndLine) {
  const auto detail = [](const std::string& text) { return read_yaml(text, "c.yaml").error().detail; };
  EXPECT_THAT(detail("a: 1\nb: 2\na: 3\n"), StartsWith("c.yaml:3: a stands twice"));
  EXPECT_THAT(detail("s:\n  a: 1\n  a: 2\n"), StartsWith("c.yaml:3: s.a stands twice"));
  EXPECT_THAT(detail("s:\n  t:\n    a: 1\n"), StartsWith("c.yaml:2: s.t is nested too deep"));
  EXPECT_THAT(detail("a: [1, [2]]\n"), HasSubstr("list of plain values"));
  EXPECT_THAT(detail("a: 1\nb: [1, 2\n"), StartsWith("c.yaml:"));
  EXPECT_THAT(detail("just text"), HasSubstr("expected `name: value` lines"));
  EXPECT_THAT(detail("[1]: 2\n"), HasSubstr("plain text"));
  EXPECT_THAT(detail(std::string(kConfigFileBytesMax + 1, ' ')), HasSubstr("larger than"));
}

TEST(YamlFile, WhatNestsTooDeepIsOpaqueWhereAskedFor) {
  const auto settings = read_yaml("s:\n  t:\n    a: {b: 1}\n  u: [1, {c: 2}]\n  v: [1]\n", "c.yaml", "s").value();
  ASSERT_EQ(settings.size(), 4u);
  for (const std::size_t i : {1u, 2u}) EXPECT_TRUE(settings[i].is_opaque && settings[i].values.empty()) << i;
  EXPECT_EQ(settings[2].line, 4u);
  EXPECT_TRUE(settings[3].is_list && !settings[3].is_opaque);
  EXPECT_THAT(read_yaml("r:\n  t: {a: 1}\n", "c.yaml", "s").error().detail, HasSubstr("r.t is nested too deep"));
  const auto top = read_yaml("{a: 1, b: {c: {d: 2}}}", "c.yaml", "").value();
  ASSERT_EQ(top.size(), 2u);
  EXPECT_TRUE(top[1].is_opaque && !top[1].is_section);
}

TEST(YamlFile, AShownNameEndsWhereAValueMayBegin) {
  EXPECT_EQ(shown_name("extra_config.a-b_*9"), "extra_config.a-b_*9");
  for (const std::string after : {":canary", "=canary", " canary", "\ncanary", "\xc3\xa4"})
    EXPECT_EQ(shown_name("Key" + after), "Key...");
  const auto detail = [](const std::string& text) { return read_yaml(text, "c.yaml").error().detail; };
  EXPECT_THAT(detail("{s: {key:canary: 1, key:canary: 2}}"), StartsWith("c.yaml:1: s.key... stands twice"));
  EXPECT_THAT(detail("{s: {key:canary: [[1]]}}"), StartsWith("c.yaml:1: s.key... must be a list"));
}

TEST(YamlFile, OneDocumentOfText) {
  EXPECT_THAT(read_yaml("a: 1\n---\na: 2\n", "c.yaml").error().detail, StartsWith("c.yaml:"));
  EXPECT_THAT(read_yaml("a: 1\n---\na: 2\n", "c.yaml").error().detail, HasSubstr("a second document"));
  EXPECT_EQ(read_yaml("---\na: 1\n...\n", "c.yaml").value().size(), 1u);
  const std::string zero = read_yaml(std::string("a: 1\nb: \0\n", 10), "c.yaml").error().detail;
  EXPECT_THAT(zero, StartsWith("c.yaml:2: a NUL byte"));
  EXPECT_EQ(zero.find('\n'), std::string::npos);
}

TEST(YamlFile, HostileNestingAndAliasesEndInAnError) {
  EXPECT_FALSE(read_yaml(std::string(100'000, '['), "c.yaml"));
  EXPECT_FALSE(read_yaml(std::string(100'000, '{'), "c.yaml"));
  EXPECT_FALSE(read_yaml("a: &x [*x]\n", "c.yaml"));
  EXPECT_FALSE(read_yaml("a: *nowhere\n", "c.yaml"));
  EXPECT_FALSE(read_yaml("\x01\x02", "c.yaml"));
}

}  // namespace
}  // namespace cairn
