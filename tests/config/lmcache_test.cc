// Property: each option of LMCache's becomes the settings that mean the same, or a line says that it has no effect, or
// why it is refused; secrets stand in no line.
#include "config/lmcache.h"

#include <gmock/gmock.h>

#include <map>

#include "config/lmcache_options.h"
#include "config/store_url.h"
#include "s3/config.h"
#include "tier/file_tier.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

LmcacheTranslation translated(const std::string& text) {
  return translate_lmcache(lmcache_values(read_yaml(text, "c.yaml", kLmcacheMap).value(), "c.yaml").value());
}
LmcacheTranslation of_variable(const std::string& name, const std::string& value) {
  return translate_lmcache(lmcache_values(std::vector{std::pair(name, value)}).value());
}
// As `serve` judges it: empty, or its refusal.
std::string judged(const std::string& store) {
  const StoreUrl url = parse_store_url(store).value();
  FileTierConfig file;
  S3Config s3;
  file.path = url.path;
  s3.bucket = url.authority;
  s3.prefix = url.path.empty() ? "" : url.path.substr(1);
  const Result<void> right = url.scheme == "s3" ? apply_query(url, s3) : apply_query(url, file);
  return right ? "" : right.error().detail;
}
// "section.name=value,value" each, so that a test reads as what is set.
std::vector<std::string> settings(const std::string& text) {
  const LmcacheTranslation translation = translated(text);
  EXPECT_THAT(translation.refusals, IsEmpty()) << text;
  std::vector<std::string> lines;
  for (const LmcacheSetting& setting : translation.settings) {
    lines.push_back((setting.section.empty() ? "" : setting.section + ".") + setting.name + "=" +
                    list_text(setting.values));
    if (setting.name != "stores") continue;
    for (const std::string& store : setting.values) EXPECT_EQ(judged(store), "") << store;
  }
  return lines;
}
std::string refusal(const std::string& text) {
  const LmcacheTranslation translation = translated(text);
  if (translation.refusals.empty()) return "accepted: " + text;
  return translation.refusals.front();
}

// The three-tier setup of the published S3 post, names and secrets filled in.
constexpr const char* kThreeTiers = R"(local_cpu: True
max_local_cpu_size: 100
save_decode_cache: True
remote_url: "s3://kv-cache.grid.example.com:10443"
remote_serde: "naive"
extra_config:
  s3_num_io_threads: 320
  s3_prefer_http2: False
  s3_enable_s3express: False
  save_chunk_meta: False
  disable_tls: False
  aws_access_key_id: "canary-id"
  aws_secret_access_key: "canary-secret"
  s3_region: "us-east-1"
)";

TEST(Lmcache, ThePublishedThreeTiersLoadAsTheyAre) {
  EXPECT_THAT(settings(kThreeTiers),
              ElementsAre("engine.save_decode_cache=true", "ram_bytes=100GiB", "s3_access_key_id=canary-id",
                          "s3_secret_access_key=canary-secret",
                          "stores=s3://kv-cache?endpoint=grid.example.com:10443&region=us-east-1&tls=true&"
                          "connections=320"));
  const LmcacheTranslation translation = translated(kThreeTiers);
  EXPECT_THAT(translation.notices, ElementsAre(StartsWith("c.yaml:10 extra_config.save_chunk_meta: without effect: ")));
  EXPECT_EQ(translation.settings[1].where, "c.yaml:2 max_local_cpu_size");
  EXPECT_TRUE(translation.settings[2].secret && translation.settings[3].secret);
}

TEST(Lmcache, SizesCountGibibytesOrHaveAUnit) {
  EXPECT_THAT(settings("max_local_cpu_size: 0.5\n"), ElementsAre("ram_bytes=512MiB"));
  EXPECT_THAT(settings("max_local_cpu_size: 5.0\n"), ElementsAre("ram_bytes=5GiB"));
  EXPECT_THAT(settings("max_local_cpu_size: 20Gi\n"), ElementsAre("ram_bytes=20GiB"));
  EXPECT_THAT(settings("max_local_cpu_size: 0\n"), ElementsAre("ram_bytes=0"));
  for (const char* text : {"lots", "-1", "1e300", "nan", "[1]"})
    EXPECT_THAT(refusal(std::string("max_local_cpu_size: ") + text + "\n"),
                StartsWith("c.yaml:1 max_local_cpu_size: "));
}

TEST(Lmcache, WithoutLocalCpuThereIsNoRamTier) {
  EXPECT_THAT(settings("local_cpu: False\n"), ElementsAre("ram_bytes=0"));
  EXPECT_THAT(settings("local_cpu: false\nmax_local_cpu_size: 20\n"), ElementsAre("ram_bytes=0"));
  EXPECT_THAT(translated("local_cpu: False\nmax_local_cpu_size: 20\n").notices,
              ElementsAre(HasSubstr("max_local_cpu_size: without effect")));
  EXPECT_THAT(settings("local_cpu: True\n"), IsEmpty());
  EXPECT_THAT(refusal("local_cpu: perhaps\n"), HasSubstr("neither true nor false"));
}

TEST(Lmcache, ChunksAndDecodedTokens) {
  EXPECT_THAT(settings("chunk_size: 512\n"), ElementsAre("chunk_tokens=512"));
  EXPECT_THAT(refusal("chunk_size: 0\n"), HasSubstr("at least 1"));
  EXPECT_THAT(refusal("chunk_size: many\n"), HasSubstr("whole number"));
  EXPECT_THAT(settings("save_decode_cache: False\n"), ElementsAre("engine.save_decode_cache=false"));
  EXPECT_THAT(translated("save_unfull_chunk: True\n").notices, ElementsAre(HasSubstr("only whole chunks")));
  EXPECT_THAT(translated("save_unfull_chunk: False\n").notices, IsEmpty());
}

TEST(Lmcache, ALocalDiskIsAFileStore) {
  EXPECT_THAT(settings("local_disk: \"file:///mnt/kv/\"\nmax_local_disk_size: 1120Gi\n"),
              ElementsAre("stores=file:///mnt/kv/?capacity_bytes=1120GiB"));
  EXPECT_THAT(settings("local_disk: /mnt/a b\nmax_local_disk_size: 2.5\nextra_config: {use_odirect: True}\n"),
              ElementsAre("stores=file:///mnt/a%20b?capacity_bytes=2560MiB&direct=always"));
  for (const std::string size : {"", "max_local_disk_size: null\n"})
    EXPECT_THAT(refusal("local_disk: /mnt/kv\n" + size),
                AllOf(StartsWith("c.yaml:1 local_disk: nothing is stored"), HasSubstr("max_local_disk_size")));
  EXPECT_THAT(settings("local_disk: null\n"), IsEmpty());
  EXPECT_THAT(refusal("local_disk: mnt/kv\n"), HasSubstr("no absolute directory"));
  EXPECT_THAT(refusal("local_disk: /a,/b\n"), HasSubstr("several directories"));
  EXPECT_THAT(refusal("local_disk: [/a, /b]\n"), HasSubstr("not a list"));
  EXPECT_THAT(refusal("local_disk: /a\nmax_local_disk_size: 0\n"), HasSubstr("0 stores nothing"));
  EXPECT_THAT(translated("max_local_disk_size: 4\n").notices, ElementsAre(HasSubstr("the tier that it belongs to")));
}

TEST(Lmcache, AGdsPathIsAFileStoreThroughHostMemory) {
  for (const std::string name : {"gds_path", "weka_path"}) {
    EXPECT_THAT(settings(name + ": /mnt/gds/cache\n"), ElementsAre("stores=file:///mnt/gds/cache"));
    EXPECT_THAT(translated(name + ": /mnt/gds/cache\n").notices, ElementsAre(HasSubstr("without GPUDirect")));
  }
}

TEST(Lmcache, ASharedDirectoryIsAFileStore) {
  EXPECT_THAT(settings("remote_url: fs://host:0/mnt/kv\n"), ElementsAre("stores=file:///mnt/kv"));
  EXPECT_THAT(settings("remote_url: fs:///mnt/kv\nextra_config:\n  fs_connector_use_odirect: True\n"),
              ElementsAre("stores=file:///mnt/kv?direct=always"));
  EXPECT_THAT(refusal("remote_url: fs://host\n"), HasSubstr("such as fs:///mnt/kv"));
  EXPECT_THAT(refusal("remote_url: fs:///a,/b\n"), HasSubstr("several directories"));
}

TEST(Lmcache, StoresStandFastestFirstAndNameAllTheirKeys) {
  const LmcacheTranslation translation =
      translated("remote_url: fs:///mnt/kv\nlocal_disk: /fast\nmax_local_disk_size: 1\n");
  ASSERT_EQ(translation.settings.size(), 1u);
  EXPECT_THAT(translation.settings[0].values, ElementsAre("file:///fast?capacity_bytes=1GiB", "file:///mnt/kv"));
  EXPECT_EQ(translation.settings[0].where, "c.yaml:2 local_disk, c.yaml:1 remote_url");
}

TEST(Lmcache, TheBucketIsTheFirstLabelOfTheHost) {
  const auto store = [](const std::string& url, const std::string& extra = "") {
    const auto lines =
        settings("remote_url: \"" + url + "\"\n" + (extra.empty() ? "" : "extra_config: {" + extra + "}\n"));
    return lines.size() == 1 ? lines[0].substr(lines[0].find('=') + 1) : "not one setting";
  };
  EXPECT_EQ(store("s3://kv1.s3.eu-1.example.com"), "s3://kv1?endpoint=s3.eu-1.example.com&tls=true");
  EXPECT_EQ(store("S3://kv1.10.0.0.1:9000/a/b-c/", "disable_tls: True, s3_file_prefix: p"),
            "s3://kv1/a/b-c/p?endpoint=10.0.0.1:9000&tls=false");
  EXPECT_EQ(store("s3://grid.example.com", "s3_bucket: kv.cache, s3_use_path_style: True"),
            "s3://kv.cache?endpoint=grid.example.com&tls=true&path_style=true");
  EXPECT_EQ(store("s3://kv1.grid.example.com", "s3_bucket: kv1, s3_addressing_style: path"),
            "s3://kv1?endpoint=grid.example.com&tls=true&path_style=true");
  EXPECT_EQ(store("s3://kv1.h.x",
                  "s3_num_io_threads: 64, s3_max_inflight_reqs: 16, s3_part_size: 8388608, "
                  "s3_ca_bundle: /etc/ca.pem, s3_addressing_style: virtual"),
            "s3://kv1?endpoint=h.x&tls=true&path_style=false&connections=16&part_bytes=8MiB&ca_file=/etc/ca.pem");
}

TEST(Lmcache, WhatNoStoreTakesOfS3IsClamped) {
  const auto clamped = [](const std::string& extra) {
    const LmcacheTranslation translation = translated("remote_url: s3://kv1.h.x\nextra_config: {" + extra + "}\n");
    EXPECT_EQ(judged(translation.settings.at(0).values[0]), "") << extra;
    EXPECT_THAT(translation.notices,
                ElementsAre(StartsWith("c.yaml:2 extra_config." + extra.substr(0, extra.find(':')) + ": taken as ")));
    return translation.settings[0].values[0].substr(std::string("s3://kv1?endpoint=h.x&tls=true&").size());
  };
  EXPECT_EQ(clamped("s3_part_size: 65536"), "part_bytes=1MiB");
  EXPECT_EQ(clamped("s3_part_size: 5GiB"), "part_bytes=1GiB");
  EXPECT_EQ(clamped("s3_max_inflight_reqs: 5000"), "connections=1024");
  EXPECT_EQ(clamped("s3_num_io_threads: 1025, s3_max_inflight_reqs: 1"), "connections=1");
}

TEST(Lmcache, WhatIsNoBucketOrEndpointIsRefused) {
  EXPECT_THAT(refusal("remote_url: s3://bucket\n"), HasSubstr("names no endpoint"));
  EXPECT_THAT(refusal("remote_url: s3://\n"), HasSubstr("names no endpoint"));
  for (const std::string host : {"id:canary@bucket.host", "bucket.id:canary@host.x", "kv1.h.x?secret=canary"})
    EXPECT_THAT(refusal("remote_url: \"s3://" + host + "\"\n"), AllOf(HasSubstr("an @"), Not(HasSubstr("canary"))));
  for (const std::string url : {"s3://kv.host", "s3://<bucket>.<endpoint fqdn>", "s3://kv1.a b", "s3://kv1.h.x/b c"})
    EXPECT_NE(judged(translated("remote_url: \"" + url + "\"\n").settings.at(0).values[0]), "") << "serve says " << url;
  EXPECT_THAT(refusal("remote_url: s3://kv1.h.x\nextra_config: {s3_addressing_style: both}\n"),
              HasSubstr("neither virtual nor path"));
  EXPECT_THAT(refusal("remote_url: s3://kv1.h.x\nextra_config: {s3_num_io_threads: 0}\n"), HasSubstr("at least 1"));
}

TEST(Lmcache, RemotesWithoutATierAreRefusedByTheirSchemeAlone) {
  EXPECT_THAT(refusal("remote_url: redis://user:canary@h:6379\n"),
              AllOf(StartsWith("c.yaml:1 remote_url: there is no tier for redis://"), Not(HasSubstr("canary"))));
  EXPECT_THAT(refusal("remote_url: canary\n"), AllOf(HasSubstr("no URL"), Not(HasSubstr("canary"))));
  EXPECT_THAT(refusal("remote_serde: cachegen\n"), HasSubstr("write naive"));
}

TEST(Lmcache, SecretsAreSettingsOfTheirOwn) {
  const std::string text =
      "remote_url: s3://kv1.h.x\nextra_config:\n  aws_access_key_id: canary1\n  aws_secret_access_key: canary2\n"
      "  aws_session_token: canary3\n";
  EXPECT_THAT(settings(text), AllOf(Contains("s3_access_key_id=canary1"), Contains("s3_secret_access_key=canary2"),
                                    Contains("s3_session_token=canary3")));
  const std::string yaml = lmcache_as_yaml(translated(text));
  EXPECT_THAT(yaml, Not(HasSubstr("canary")));
  EXPECT_THAT(yaml, HasSubstr("CAIRN_S3_SECRET_ACCESS_KEY"));
  EXPECT_THAT(translated("extra_config: {aws_secret_access_key: canary}\n").notices,
              ElementsAre(AllOf(HasSubstr("aws_secret_access_key: without effect"), Not(HasSubstr("canary")))));
}

TEST(Lmcache, UnknownNamesAreRefusedWithTheNearest) {
  EXPECT_EQ(refusal("chunk_sizes: 256\n"),
            "c.yaml:1 chunk_sizes: LMCache has no such option; did you mean \"chunk_size\"?");
  EXPECT_THAT(refusal("extra_config:\n  s3_regoin: x\n"),
              AllOf(StartsWith("c.yaml:2 extra_config.s3_regoin"), HasSubstr("did you mean \"s3_region\"?")));
  EXPECT_THAT(refusal("s3_region: x\n"), HasSubstr("belongs below extra_config"));
  EXPECT_THAT(refusal("zzzzzzzz: 1\n"), StartsWith("c.yaml:1 zzzzzzzz: LMCache has no such option"));
}

TEST(Lmcache, NoRefusalShowsASecretThatATypoMadePartOfAName) {
  EXPECT_THAT(refusal("extra_config: {aws_secret_access_key:canary}\n"),
              AllOf(StartsWith("c.yaml:1 extra_config.aws_secret_access_key...: LMCache has no such option"),
                    Not(HasSubstr("canary"))));
}

// As a file or a variable gives it.
LmcacheTranslation given(std::string_view name, const std::string& value) {
  const std::string key(without_prefix(name));
  if (name.starts_with(kLmcacheVariable)) return of_variable(std::string(name), value);
  return translated((name.starts_with(kLmcacheExtra) ? "extra_config:\n  " : "") + key + ": " + value + "\n");
}

TEST(Lmcache, EveryOptionThatIsAcceptedOrRefusedSaysItsOwnReason) {
  for (const LmcacheOption& option : lmcache_options()) {
    if (option.use == LmcacheUse::kWorks) continue;
    std::string name(option.name);
    if (name.ends_with('*')) name.back() = 'x';
    for (const char* value : {"something", "[a, b]", "{a: 1}"}) {
      const LmcacheTranslation asked = given(name, value);
      const auto& lines = option.use == LmcacheUse::kAccepted ? asked.notices : asked.refusals;
      EXPECT_THAT(lines, ElementsAre(AllOf(HasSubstr(name + ": "), HasSubstr(std::string(option.text))))) << name;
      EXPECT_EQ(asked.notices.size() + asked.refusals.size(), 1u) << name;
      EXPECT_THAT(asked.settings, IsEmpty()) << name;
    }
    for (const std::string& nothing : {std::string(option.plain), std::string()}) {
      const LmcacheTranslation plain = given(name, nothing);
      EXPECT_TRUE(plain.notices.empty() && plain.refusals.empty()) << name;
    }
  }
}

TEST(Lmcache, MapsAreRefusedOnlyWhereAValueIsRead) {
  EXPECT_THAT(translated("extra_config:\n  gpu_to_numa_mapping:\n    0: {1: 2}\n").notices,
              ElementsAre(HasSubstr("gpu_to_numa_mapping: without effect: memory is not bound")));
  EXPECT_THAT(refusal("chunk_size: {a: 1}\n"), AllOf(StartsWith("c.yaml:1 chunk_size: "), HasSubstr("or a map")));
  EXPECT_THAT(refusal("remote_url: s3://kv1.h.x\nextra_config: {s3_region: {a: 1}}\n"), HasSubstr("or a map"));
  EXPECT_THAT(of_variable("LMCACHE_EXTRA_CONFIG", R"({"gpu_to_numa_mapping": {"0": 1}})").refusals, IsEmpty());
}

TEST(Lmcache, AVariableThatLmcacheDoesNotHaveIsANotice) {
  const LmcacheTranslation translation = of_variable("LMCACHE_ENABLED", "1");
  EXPECT_THAT(translation.notices, ElementsAre("LMCACHE_ENABLED: without effect: LMCache has no such variable"));
  EXPECT_THAT(translation.refusals, IsEmpty());
  EXPECT_THAT(of_variable("LMCACHE_EC_ROLE", "x").refusals, ElementsAre(HasSubstr("no cache of encoders")));
}

TEST(Lmcache, EveryLogLevelHasOneOfOursOrTheDefault) {
  for (const auto& [theirs, ours] : {std::pair("DEBUG", "debug"),
                                     {"info", "info"},
                                     {"WARN", "warning"},
                                     {"Warning", "warning"},
                                     {"ERROR", "error"},
                                     {"FATAL", "error"},
                                     {"CRITICAL", "error"},
                                     {"NOTSET", "debug"},
                                     {"TRACE", "debug"}}) {
    const LmcacheTranslation translation = of_variable("LMCACHE_LOG_LEVEL", theirs);
    ASSERT_EQ(translation.settings.size(), 1u) << theirs;
    EXPECT_EQ(translation.settings[0].values, std::vector<std::string>{ours}) << theirs;
  }
  const LmcacheTranslation other = of_variable("LMCACHE_LOG_LEVEL", "30");
  EXPECT_THAT(other.notices, ElementsAre(StartsWith("LMCACHE_LOG_LEVEL: without effect: it is none of debug")));
  EXPECT_TRUE(other.settings.empty() && other.refusals.empty());
}

// A row that works is one that the translation reads.
TEST(Lmcache, EveryOptionThatWorksIsReadByTheTranslation) {
  const auto unread = [](const std::string& remote) {
    const std::map<std::string, std::string> worded = {{"local_disk", "/a"}, {"gds_path", "/b"},
                                                       {"weka_path", "/c"},  {"remote_url", remote},
                                                       {"s3_bucket", "kv1"}, {"s3_addressing_style", "path"}};
    std::string top, extra = "extra_config:\n";
    for (const LmcacheOption& option : lmcache_options()) {
      const std::string key(without_prefix(option.name));
      if (option.use != LmcacheUse::kWorks || option.name.starts_with(kLmcacheVariable) || key == kLmcacheMap) continue;
      const std::string line = key + ": " + (worded.contains(key) ? worded.at(key) : "1") + "\n";
      option.name.starts_with(kLmcacheExtra) ? extra += "  " + line : top += line;
    }
    const LmcacheTranslation translation = translated(top + extra);
    EXPECT_THAT(translation.refusals, IsEmpty());
    std::vector<std::string> names;
    for (const std::string& notice : translation.notices) {
      const auto end = notice.find(": without effect: the tier that it belongs to");
      if (end != std::string::npos) names.push_back(notice.substr(notice.find(' ') + 1, end - notice.find(' ') - 1));
    }
    return names;
  };
  EXPECT_THAT(unread("s3://kv1.h.x"), ElementsAre("extra_config.fs_connector_use_odirect"));
  EXPECT_THAT(
      unread("fs:///mnt/kv"),
      ElementsAre("extra_config.s3_region", "extra_config.s3_num_io_threads", "extra_config.s3_max_inflight_reqs",
                  "extra_config.s3_part_size", "extra_config.s3_file_prefix", "extra_config.s3_bucket",
                  "extra_config.s3_use_path_style", "extra_config.s3_addressing_style", "extra_config.disable_tls",
                  "extra_config.s3_ca_bundle", "extra_config.aws_access_key_id", "extra_config.aws_secret_access_key",
                  "extra_config.aws_session_token"));
}

TEST(Lmcache, AsYamlItIsAFileThatReadsBack) {
  const std::string yaml = lmcache_as_yaml(translated(kThreeTiers));
  EXPECT_THAT(yaml, Not(HasSubstr("canary")));
  EXPECT_THAT(yaml, HasSubstr("# c.yaml:10 extra_config.save_chunk_meta: without effect"));
  const auto read = read_yaml(yaml, "cairn.yaml").value();
  std::vector<std::string> names;
  for (const FileSetting& setting : read) names.push_back(setting.section + "." + setting.name);
  EXPECT_THAT(names, ElementsAre(".ram_bytes", ".stores", ".engine", "engine.save_decode_cache"));
  EXPECT_EQ(read[1].values, translated(kThreeTiers).settings[4].values);
  EXPECT_EQ(lmcache_as_yaml(translated("")), "");
}

}  // namespace
}  // namespace cairn
