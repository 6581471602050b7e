// Every weight bit and every key that matters is in the fingerprint; nothing else is; files seen before are not read.
#include "model/fingerprint.h"

#include <gtest/gtest.h>

#include "kv/sha256.h"
#include "model/init.h"
#include "model/model_texts.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class Fingerprint : public ::testing::Test {
 protected:
  void SetUp() override {
    const InitOptions options{
        .layers = 1, .hidden = 32, .intermediate = 32, .heads = 2, .kv_heads = 1, .vocabulary = 260};
    ASSERT_TRUE(model_init(options, scratch_ / "m"));
  }
  ModelFingerprint of(const FingerprintOptions& options = {}) {
    const auto fingerprint = model_fingerprint(scratch_ / "m", options);
    EXPECT_TRUE(fingerprint) << (fingerprint ? "" : fingerprint.error().detail);
    return fingerprint ? *fingerprint : ModelFingerprint{};
  }
  FingerprintOptions cached() const { return {.cache = scratch_ / "sub/cache", .threads = 2, .settle_us = 0}; }
  void flip(std::int64_t from_end) {
    std::string bytes = test::read_file(weights());
    bytes[bytes.size() - static_cast<std::size_t>(from_end)] ^= 1;
    test::write_file(weights(), bytes);
  }
  fs::path weights() const { return scratch_ / "m/model.safetensors"; }
  void edit_config(const std::string& from, const std::string& to) {
    std::string text = test::read_file(scratch_ / "m/config.json");
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    test::write_file(scratch_ / "m/config.json", text.replace(at, from.size(), to));
  }
  test::Scratch scratch_;
};

TEST_F(Fingerprint, OneChangedBitInTheLastTensorChangesIt) {
  const ModelFingerprint before = of();
  EXPECT_EQ(before.weight_bytes, fs::file_size(weights()));
  EXPECT_EQ(before.bytes_read, before.weight_bytes);
  flip(2);
  EXPECT_NE(of().digest, before.digest);
  flip(2);
  EXPECT_EQ(of().digest, before.digest);
}

TEST_F(Fingerprint, PlaceAndThreadsDoNotMatter) {
  const Digest before = of().digest;
  fs::rename(scratch_ / "m", scratch_ / "n");
  fs::copy(scratch_ / "n", scratch_ / "m");
  EXPECT_EQ(of({.threads = 3}).digest, before);
}

TEST_F(Fingerprint, KnownAndUnknownKeysCountExceptTheIgnoredOnes) {
  const Digest before = of().digest;
  edit_config("{", "{\"_name_or_path\": \"x\", \"transformers_version\": \"5\",");
  edit_config("\"use_cache\": true", "\"use_cache\": false");
  EXPECT_EQ(of().digest, before);
  edit_config("{", "{ \n");
  EXPECT_EQ(of().digest, before);  // white space
  edit_config("{", "{\"a_key_of_tomorrow\": 1,");
  const Digest unknown = of().digest;
  EXPECT_NE(unknown, before);
  edit_config("\"a_key_of_tomorrow\": 1", "\"a_key_of_tomorrow\": {\"use_cache\": 1}");  // ignored at the top only
  const Digest nested = of().digest;
  EXPECT_NE(nested, unknown);
  edit_config("10000.0", "10000.5");
  EXPECT_NE(of().digest, nested);
}

TEST_F(Fingerprint, IsWhatTheHeaderSays) {
  test::write_file(scratch_ / "m/config.json", R"({ "b": [1, 2.50], "use_cache": true, "a": null })");
  const std::string config = R"({"a":null,"b":[1,2.5]})";
  const std::string bytes = test::read_file(weights());
  ASSERT_LT(bytes.size(), kFingerprintPieceBytes);
  const std::uint64_t size = bytes.size();
  Sha256 file;
  file.update("cairn.file.1").update(&size, 8).update(sha256(bytes));
  Sha256 model;
  model.update("cairn.model.1").update_u32(static_cast<std::uint32_t>(config.size())).update(config);
  model.update_u32(1).update(file.finish());
  EXPECT_EQ(of().digest, model.finish());
}

TEST_F(Fingerprint, SeenFilesAreNotReadAgain) {
  const ModelFingerprint first = of(cached());
  EXPECT_GT(first.bytes_read, 0u);
  const ModelFingerprint second = of(cached());
  EXPECT_EQ(second.bytes_read, 0u);
  EXPECT_EQ(second.digest, first.digest);
  EXPECT_EQ(second.weight_bytes, first.weight_bytes);
  flip(2);
  const ModelFingerprint changed = of(cached());
  EXPECT_GT(changed.bytes_read, 0u);
  EXPECT_NE(changed.digest, first.digest);
}

TEST_F(Fingerprint, AFileThatJustChangedIsNotTrustedToTheCache) {
  FingerprintOptions options = cached();
  options.settle_us = 3'600'000'000;
  of(options);
  EXPECT_GT(of(options).bytes_read, 0u);
}

TEST_F(Fingerprint, ADamagedCacheIsIgnored) {
  const Digest digest = of(cached()).digest;
  const std::string cache = test::read_file(cached().cache);
  for (std::size_t at = 0; at < cache.size(); at += 7) {
    std::string damaged = cache;
    damaged[at] = damaged[at] == '1' ? '2' : '1';
    test::write_file(cached().cache, damaged);
    const ModelFingerprint again = of(cached());
    ASSERT_EQ(again.digest, digest) << at;
    ASSERT_GT(again.bytes_read, 0u) << at;
  }
  for (const std::string& text : {std::string(), std::string("\n"), cache.substr(0, cache.size() / 2)}) {
    test::write_file(cached().cache, text);
    EXPECT_EQ(of(cached()).digest, digest);
  }
}

TEST_F(Fingerprint, ACacheThatCannotBeWrittenIsNoError) {
  FingerprintOptions options = cached();
  options.cache = scratch_ / "m";  // a directory
  EXPECT_NE(of(options).digest, Digest{});
  EXPECT_TRUE(fs::is_directory(scratch_ / "m"));
}

TEST_F(Fingerprint, MissingPartsAreNamed) {
  fs::remove(weights());
  EXPECT_NE(model_fingerprint(scratch_ / "m", {}).error().detail.find("model.safetensors"), std::string::npos);
  fs::remove(scratch_ / "m/config.json");
  EXPECT_NE(model_fingerprint(scratch_ / "m", {}).error().detail.find("config.json"), std::string::npos);
}

}  // namespace
}  // namespace cairn
