// Every field of the identity, changed alone, changes the store root (and so the path, the manifest and the header);
// the explanation names exactly that field.
#include "kv/identity.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kv/manifest.h"
#include "kv/sha256.h"
#include "sample.h"

namespace cairn {
namespace {

// All optional fields present, so that a change of each of them can be made alone.
StoreIdentity full_identity() {
  StoreIdentity identity = sample::smollm_identity();
  identity.layout.geometry.groups.push_back({.layers = 2, .planes = 2, .heads = 3, .dim = 64, .dtype = KvDtype::kBf16});
  identity.layout.grid = {.shard_layers = 8, .shard_kv_heads = 1};
  identity.kv_quantization = "int8";
  identity.attention = {.sliding_window = 4096, .soft_cap = 50.0, .scale = 0.125};
  identity.rope.scaling = RopeScaling{.type = "llama3", .parameters = {{"factor", {8.0}}, {"low_freq_factor", {1.0}}}};
  identity.lossy_codec = "q8";
  return identity;
}

struct Change {
  const char* field;
  void (*apply)(StoreIdentity&);
};

const std::vector<Change>& changes() {
  static const std::vector<Change> all = {
      {"model_fingerprint", [](StoreIdentity& i) { i.model_fingerprint.bytes[31] ^= 1; }},
      {"architecture", [](StoreIdentity& i) { i.architecture = "qwen3"; }},
      {"hidden", [](StoreIdentity& i) { i.hidden = 577; }},
      {"geometry[0]", [](StoreIdentity& i) { i.layout.geometry.groups[0].layers = 38; }},
      {"geometry[0]", [](StoreIdentity& i) { i.layout.geometry.groups[0].planes = 1; }},
      {"geometry[1]", [](StoreIdentity& i) { i.layout.geometry.groups[1].dim = 128; }},
      {"geometry[1]", [](StoreIdentity& i) { i.layout.geometry.groups[1].dtype = KvDtype::kF16; }},
      {"geometry[1]", [](StoreIdentity& i) { i.layout.geometry.groups[1].heads = 6; }},
      {"geometry[2]", [](StoreIdentity& i) { i.layout.geometry.groups.push_back({8, 2, 3, 64, KvDtype::kBf16}); }},
      {"kv_quantization", [](StoreIdentity& i) { i.kv_quantization = "fp8"; }},
      {"kv_quantization", [](StoreIdentity& i) { i.kv_quantization = ""; }},
      {"kv_quantization", [](StoreIdentity& i) { i.kv_quantization.reset(); }},
      {"attention.sliding_window", [](StoreIdentity& i) { i.attention.sliding_window = 4095; }},
      {"attention.sliding_window", [](StoreIdentity& i) { i.attention.sliding_window = 0; }},
      {"attention.sliding_window", [](StoreIdentity& i) { i.attention.sliding_window.reset(); }},
      {"attention.soft_cap", [](StoreIdentity& i) { i.attention.soft_cap = 30.0; }},
      {"attention.soft_cap", [](StoreIdentity& i) { i.attention.soft_cap.reset(); }},
      {"attention.scale", [](StoreIdentity& i) { i.attention.scale = 0.12500000000000003; }},
      {"attention.scale", [](StoreIdentity& i) { i.attention.scale.reset(); }},
      {"rope.theta", [](StoreIdentity& i) { i.rope.theta = 100000.00000000001; }},
      {"rope.theta", [](StoreIdentity& i) { i.rope.theta.reset(); }},
      {"rope.rotary_dim", [](StoreIdentity& i) { i.rope.rotary_dim = 32; }},
      {"rope.pairing", [](StoreIdentity& i) { i.rope.pairing = RopePairing::kInterleaved; }},
      {"rope.scaling.type", [](StoreIdentity& i) { i.rope.scaling->type = "yarn"; }},
      {"rope.scaling.factor", [](StoreIdentity& i) { i.rope.scaling->parameters["factor"] = {9.0}; }},
      {"rope.scaling.factor", [](StoreIdentity& i) { i.rope.scaling->parameters["factor"] = {8.0, 8.0}; }},
      {"rope.scaling.factor", [](StoreIdentity& i) { i.rope.scaling->parameters["factor"] = {}; }},
      {"rope.scaling.low_freq_factor", [](StoreIdentity& i) { i.rope.scaling->parameters.erase("low_freq_factor"); }},
      {"rope.scaling.a", [](StoreIdentity& i) { i.rope.scaling->parameters["a"] = {}; }},
      {"chunk_tokens", [](StoreIdentity& i) { i.layout.chunk_tokens = 512; }},
      {"page_order", [](StoreIdentity& i) { i.layout.order = static_cast<PageOrder>(2); }},
      {"page_tokens", [](StoreIdentity& i) { i.layout.page_tokens = 32; }},
      {"grid", [](StoreIdentity& i) { i.layout.grid.shard_layers = 16; }},
      {"grid", [](StoreIdentity& i) { i.layout.grid.shard_kv_heads = 0; }},
      {"numerics_class", [](StoreIdentity& i) { i.numerics_class = "t32-v2"; }},
      {"lossy_codec", [](StoreIdentity& i) { i.lossy_codec.reset(); }},
      {"lossy_codec", [](StoreIdentity& i) { i.lossy_codec = ""; }},
      {"format_version", [](StoreIdentity& i) { i.format_version = 2; }},
  };
  return all;
}

TEST(StoreRoot, EveryFieldAloneChangesIt) {
  const StoreIdentity original = full_identity();
  std::set<Digest> roots = {store_root(original)};
  for (const Change& change : changes()) {
    StoreIdentity other = original;
    change.apply(other);
    ASSERT_NE(other, original) << change.field;
    EXPECT_TRUE(roots.insert(store_root(other)).second) << change.field;
    const auto found = differences(original, other);
    ASSERT_EQ(found.size(), 1u) << change.field;
    EXPECT_EQ(found[0].field, change.field);
    EXPECT_NE(found[0].first, found[0].second);
    EXPECT_EQ(differences(other, original)[0], (FieldDifference{change.field, found[0].second, found[0].first}));
  }
}

TEST(StoreRoot, WithoutScalingIsAnotherRoot) {
  StoreIdentity other = full_identity();
  other.rope.scaling.reset();
  EXPECT_NE(store_root(other), store_root(full_identity()));
  EXPECT_EQ(differences(other, full_identity()).size(), 3u);
}

TEST(StoreRoot, EqualIdentitiesHaveNothingToExplain) {
  EXPECT_EQ(store_root(full_identity()), store_root(full_identity()));
  EXPECT_TRUE(differences(full_identity(), full_identity()).empty());
}

TEST(StoreRoot, AGridOfTheFullSizeIsTheUncutGrid) {
  StoreIdentity cut = sample::smollm_identity();
  cut.layout.grid = {.shard_layers = 30, .shard_kv_heads = 3};
  EXPECT_EQ(store_root(cut), store_root(sample::smollm_identity()));
  EXPECT_TRUE(differences(cut, sample::smollm_identity()).empty());
}

TEST(StoreRoot, IsTheDigestOfTheEncoding) {
  const auto bytes = encode_identity(full_identity());
  EXPECT_EQ(store_root(full_identity()), sha256(bytes));
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 13), "cairn.store.1");
}

// Reads the records back: tags ascend, lengths end exactly at the last byte. So no two lists of fields encode alike.
TEST(StoreRoot, TheEncodingCanBeReadInOneWayOnly) {
  const auto bytes = encode_identity(full_identity());
  std::size_t at = 13;
  std::uint32_t last = 0;
  std::map<std::uint32_t, int> seen;
  while (at < bytes.size()) {
    const auto tag = load_le<std::uint32_t>(&bytes[at]), size = load_le<std::uint32_t>(&bytes[at + 4]);
    EXPECT_GE(tag, last);
    ++seen[last = tag];
    at += 8 + size;
  }
  EXPECT_EQ(at, bytes.size());
  EXPECT_EQ(seen.size(), 20u);
  EXPECT_EQ(seen[4], 2);
  EXPECT_EQ(seen[13], 2);
}

TEST(Identity, SlugsUseHashedFieldsAndAFewCharactersOnly) {
  EXPECT_EQ(model_slug(sample::smollm_identity()), "llama-30x576-01020304");
  EXPECT_EQ(layout_slug(sample::smollm_identity()), "t16-bf16-c256");
  StoreIdentity odd = full_identity();
  odd.architecture = "../Etc/PASSWD\n" + std::string(200, 'z');
  odd.layout.geometry.groups[1].dtype = KvDtype::kF32;
  odd.layout.chunk_tokens = 1 << 20;
  EXPECT_EQ(layout_slug(odd), "t16-mixed-c1048576");
  EXPECT_EQ(model_slug(odd).size(), kSlugBytesMax);
  EXPECT_EQ(model_slug(odd).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-"), std::string::npos);
  EXPECT_NE(model_slug(odd)[0], '.');
}

TEST(Identity, ValidateRefusesWhatCannotBeHashedHonestly) {
  EXPECT_TRUE(validate(full_identity()));
  EXPECT_TRUE(validate(sample::smollm_identity()));
  const std::vector<Change> wrong = {
      {"architecture", [](StoreIdentity& i) { i.architecture.clear(); }},
      {"architecture", [](StoreIdentity& i) { i.architecture = "a\nb"; }},
      {"numerics_class", [](StoreIdentity& i) { i.numerics_class.clear(); }},
      {"numerics_class", [](StoreIdentity& i) { i.numerics_class.assign(257, 'x'); }},
      {"hidden", [](StoreIdentity& i) { i.hidden = 0; }},
      {"kv_quantization", [](StoreIdentity& i) { i.kv_quantization = std::string(300, 'x'); }},
      {"lossy_codec", [](StoreIdentity& i) { i.lossy_codec = "\x80"; }},
      {"soft_cap", [](StoreIdentity& i) { i.attention.soft_cap = std::numeric_limits<double>::quiet_NaN(); }},
      {"scale", [](StoreIdentity& i) { i.attention.scale = std::numeric_limits<double>::infinity(); }},
      {"scale", [](StoreIdentity& i) { i.attention.scale = -0.0; }},
      {"rope.theta", [](StoreIdentity& i) { i.rope.theta = -std::numeric_limits<double>::infinity(); }},
      {"rope.pairing", [](StoreIdentity& i) { i.rope.pairing = static_cast<RopePairing>(3); }},
      {"rope.scaling.type", [](StoreIdentity& i) { i.rope.scaling->type.clear(); }},
      {"two types", [](StoreIdentity& i) { i.rope.scaling->parameters["type"] = {1.0}; }},
      {"rope.scaling", [](StoreIdentity& i) { i.rope.scaling->parameters[""] = {1.0}; }},
      {"rope.scaling.x", [](StoreIdentity& i) { i.rope.scaling->parameters["x"] = {-0.0}; }},
      {"rope.scaling.x", [](StoreIdentity& i) { i.rope.scaling->parameters["x"].resize(5000); }},
      {"64 parameters",
       [](StoreIdentity& i) {
         for (int n = 0; n < 65; ++n) i.rope.scaling->parameters[std::to_string(n)] = {1.0};
       }},
      {"format_version", [](StoreIdentity& i) { i.format_version = 2; }},
      {"shard_layers", [](StoreIdentity& i) { i.layout.grid.shard_layers = 7; }},
  };
  for (const Change& change : wrong) {
    StoreIdentity identity = full_identity();
    change.apply(identity);
    const auto valid = validate(identity);
    ASSERT_FALSE(valid) << change.field;
    EXPECT_NE(valid.error().detail.find(change.field), std::string::npos) << valid.error().detail;
  }
}

}  // namespace
}  // namespace cairn
