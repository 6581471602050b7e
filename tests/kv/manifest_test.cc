// The manifest gives the identity back exactly; what is not exactly a manifest is refused with one clear line.
#include "kv/manifest.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "sample.h"

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

Manifest full_manifest() {
  Manifest manifest{.identity = sample::smollm_identity(), .model_name = "SmolLM2 \"135M\"", .created_by = "cairn 0.1"};
  StoreIdentity& identity = manifest.identity;
  identity.layout.grid = {.shard_layers = 15, .shard_kv_heads = 0};
  identity.kv_quantization = "";
  identity.attention = {.sliding_window = 4096, .soft_cap = 50.1, .scale = 0.1234567890123456789};
  identity.rope.pairing = RopePairing::kInterleaved;
  identity.rope.scaling = RopeScaling{.type = "longrope", .parameters = {{"short", {1.0, 1.1, 1e-300}}, {"none", {}}}};
  identity.lossy_codec = "q8";
  return manifest;
}

TEST(Manifest, GivesTheIdentityBackExactly) {
  const Manifest plain{.identity = sample::tiny_identity(), .model_name = "", .created_by = ""};
  for (const Manifest& manifest : {full_manifest(), plain}) {
    const auto back = parse_manifest(write_manifest(manifest));
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(*back, manifest);
  }
}

TEST(Manifest, AbsentAndEmptyStayApart) {
  Manifest manifest = full_manifest();
  manifest.identity.kv_quantization.reset();
  const auto back = parse_manifest(write_manifest(manifest));
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->identity.kv_quantization.has_value());
  EXPECT_NE(store_root(back->identity), store_root(full_manifest().identity));
}

TEST(Manifest, AFieldMissingOrOfAnotherTypeIsNamed) {
  const Json whole = Json::parse(write_manifest(full_manifest()));
  for (const auto& [name, value] : whole.items()) {
    Json wrong = whole;
    wrong[name] = Json::array({Json::array({1})});
    const auto other_type = parse_manifest(wrong.dump());
    ASSERT_FALSE(other_type) << name;
    EXPECT_EQ(other_type.error().code, ErrorCode::kInvalid);
    EXPECT_NE(other_type.error().detail.find(name), std::string::npos) << other_type.error().detail;
    wrong.erase(name);
    const auto missing = parse_manifest(wrong.dump());
    ASSERT_FALSE(missing) << name;  // an optional field: the root no longer fits
    const bool optional = name == "kv_quantization" || name == "lossy_codec";
    EXPECT_EQ(missing.error().code, optional ? ErrorCode::kCorrupt : ErrorCode::kInvalid) << missing.error().detail;
    const bool named = missing.error().detail.find(name + " is missing") != std::string::npos;
    EXPECT_EQ(named, !optional) << missing.error().detail;
  }
}

TEST(Manifest, AChangedFieldDoesNotFitTheRoot) {
  const Json whole = Json::parse(write_manifest(full_manifest()));
  const auto refused = [&](const char* pointer, const Json& value, ErrorCode code) {
    Json wrong = whole;
    wrong[Json::json_pointer(pointer)] = value;
    const auto parsed = parse_manifest(wrong.dump());
    ASSERT_FALSE(parsed) << pointer;
    EXPECT_EQ(parsed.error().code, code) << parsed.error().detail;
  };
  refused("/hidden", 577, ErrorCode::kCorrupt);
  refused("/rope/theta", 100001, ErrorCode::kCorrupt);
  refused("/geometry/0/dim", 128, ErrorCode::kCorrupt);
  refused("/store_root", std::string(64, '0'), ErrorCode::kCorrupt);
  refused("/store_root", std::string(64, 'A'), ErrorCode::kInvalid);
  refused("/store_root", "00", ErrorCode::kInvalid);
  refused("/hidden", -1, ErrorCode::kInvalid);
  refused("/hidden", 4294967296, ErrorCode::kInvalid);
  refused("/hidden", 576.5, ErrorCode::kInvalid);
  refused("/geometry/0/dtype", "bf17", ErrorCode::kInvalid);
  refused("/geometry/0/extra", 1, ErrorCode::kInvalid);
  refused("/geometry/0", 1, ErrorCode::kInvalid);
  refused("/rope/scaling/parameters", 1, ErrorCode::kInvalid);
  refused("/rope/scaling/parameters/short", 1, ErrorCode::kInvalid);
  refused("/rope/scaling/parameters/short/0", "1", ErrorCode::kInvalid);
  refused("/attention/soft_cap", "x", ErrorCode::kInvalid);
  refused("/attention/future", 1, ErrorCode::kInvalid);
  refused("/format", "other", ErrorCode::kInvalid);
  refused("/format_version", 2, ErrorCode::kInvalid);
  refused("/page_order", "token-major", ErrorCode::kInvalid);
  refused("/chunk_tokens", 250, ErrorCode::kInvalid);
  refused("/unknown", 1, ErrorCode::kInvalid);
}

TEST(Manifest, NamesForPeopleAreNotPartOfTheIdentity) {
  Manifest renamed = full_manifest();
  renamed.model_name = "another \xff name";  // not UTF-8: written with a replacement character
  const auto back = parse_manifest(write_manifest(renamed));
  ASSERT_TRUE(back) << back.error().detail;
  EXPECT_EQ(back->identity, full_manifest().identity);
}

TEST(Manifest, HostileTextIsRefusedWithoutACrash) {
  const std::string good = write_manifest(full_manifest());
  for (const std::string& text : {std::string(), std::string("null"), std::string("[]"), std::string("3"), good + "x",
                                  std::string(60000, '['), std::string(kManifestBytesMax + 1, ' ')}) {
    const auto parsed = parse_manifest(text);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().detail.rfind("manifest: ", 0), 0u);
  }
  for (std::size_t size = 0; size < good.size() - 2; size += 7) EXPECT_FALSE(parse_manifest(good.substr(0, size)));
  Random random(11);
  for (int round = 0; round < 2000; ++round) {
    std::string text = good;
    text[random.below(text.size())] = static_cast<char>(random.next());
    if (const auto parsed = parse_manifest(text)) {
      EXPECT_EQ(parsed->identity, full_manifest().identity);
    }
  }
}

}  // namespace
}  // namespace cairn
