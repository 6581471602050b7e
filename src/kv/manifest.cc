#include "kv/manifest.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kFormatName = "cairn-store";
constexpr std::string_view kPageOrderName = "layer-plane-head-token-dim";
constexpr std::size_t kGroupsMax = 256;

constexpr std::pair<KvDtype, std::string_view> kDtypes[] = {
    {KvDtype::kBf16, "bf16"}, {KvDtype::kF16, "f16"}, {KvDtype::kF32, "f32"}};
constexpr std::pair<RopePairing, std::string_view> kPairings[] = {{RopePairing::kHalves, "halves"},
                                                                  {RopePairing::kInterleaved, "interleaved"}};

template <class Enum, std::size_t N>
std::string name_of(const std::pair<Enum, std::string_view> (&names)[N], Enum value) {
  for (const auto& [candidate, name] : names) {
    if (candidate == value) return std::string(name);
  }
  return "unknown";
}

// Reads the members of one object; remembers the first thing that is wrong and which members were asked for.
class Members {
 public:
  Members(const Json& object, std::string where, std::string& error)
      : object_(object), where_(std::move(where)), error_(error) {
    if (!object.is_object()) fail("", "must be an object");
  }

  std::string text(const char* name) { return optional_text(name, true).value_or(""); }
  std::optional<std::string> optional_text(const char* name, bool required = false) {
    const Json* value = find(name, required);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) return fail(name, "must be a text"), std::nullopt;
    return value->get<std::string>();
  }

  std::uint32_t u32(const char* name) { return optional_u32(name, true).value_or(0); }
  std::optional<std::uint32_t> optional_u32(const char* name, bool required = false) {
    const Json* value = find(name, required);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max()) {
      return fail(name, "must be a whole number below 2^32"), std::nullopt;
    }
    return value->get<std::uint32_t>();
  }

  std::optional<double> optional_f64(const char* name) {
    const Json* value = find(name, false);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number()) return fail(name, "must be a number"), std::nullopt;
    return value->get<double>();
  }

  Digest digest(const char* name) {
    const std::string hex = text(name);
    Digest digest;
    if (hex.size() != 2 * digest.bytes.size()) return fail(name, "must be 64 hexadecimal digits"), digest;
    for (std::size_t i = 0; i < hex.size(); ++i) {
      const std::size_t value = std::string_view("0123456789abcdef").find(hex[i]);
      if (value == std::string_view::npos) return fail(name, "must be 64 lower-case hexadecimal digits"), digest;
      digest.bytes[i / 2] = static_cast<std::uint8_t>(digest.bytes[i / 2] << 4 | value);
    }
    return digest;
  }

  template <class Enum, std::size_t N>
  Enum choice(const char* name, const std::pair<Enum, std::string_view> (&names)[N]) {
    const std::string text_value = text(name);
    std::string known;
    for (const auto& [value, text_known] : names) {
      if (text_known == text_value) return value;
      known += (known.empty() ? "" : ", ") + std::string(text_known);
    }
    return fail(name, "must be one of " + known), names[0].first;
  }

  const Json& member(const char* name) {
    const Json* value = find(name, true);
    return value == nullptr ? kNothing : *value;
  }
  const Json* optional_member(const char* name) { return find(name, false); }

  void fail(const std::string& name, const std::string& what) {
    if (error_.empty()) error_ = (where_ + name).empty() ? "it " + what : where_ + name + " " + what;
  }
  // Everything was asked for: a member that we do not know may change what the others mean.
  void close() {
    if (!object_.is_object()) return;
    for (const auto& [name, value] : object_.items()) {
      if (!asked_.contains(name)) fail("", "has the unknown member \"" + name.substr(0, 64) + "\"");
    }
  }

 private:
  const Json* find(const char* name, bool required) {
    asked_.insert(name);
    if (object_.is_object()) {
      if (const auto found = object_.find(name); found != object_.end()) return &*found;
    }
    if (required) fail(name, "is missing");
    return nullptr;
  }

  static const Json kNothing;
  const Json& object_;
  std::string where_;
  std::string& error_;
  std::set<std::string> asked_;
};
const Json Members::kNothing;

Json geometry_json(const KvGeometry& geometry) {
  Json groups = Json::array();
  for (const LayerGroup& group : geometry.groups) {
    groups.push_back({{"layers", group.layers},
                      {"planes", group.planes},
                      {"heads", group.heads},
                      {"dim", group.dim},
                      {"dtype", name_of(kDtypes, group.dtype)}});
  }
  return groups;
}

KvGeometry read_geometry(Members& top, std::string& error) {
  KvGeometry geometry;
  const Json& groups = top.member("geometry");
  if (!groups.is_array() || groups.size() > kGroupsMax) {
    top.fail("geometry", "must be a list of at most 256 layer groups");
    return geometry;
  }
  for (const Json& item : groups) {
    Members group(item, "geometry.", error);
    geometry.groups.push_back({.layers = group.u32("layers"),
                               .planes = group.u32("planes"),
                               .heads = group.u32("heads"),
                               .dim = group.u32("dim"),
                               .dtype = group.choice("dtype", kDtypes)});
    group.close();
  }
  return geometry;
}

Json attention_json(const AttentionVariant& attention) {
  Json json = Json::object();
  if (attention.sliding_window) json["sliding_window"] = *attention.sliding_window;
  if (attention.soft_cap) json["soft_cap"] = *attention.soft_cap;
  if (attention.scale) json["scale"] = *attention.scale;
  return json;
}

AttentionVariant read_attention(Members& top, std::string& error) {
  Members members(top.member("attention"), "attention.", error);
  AttentionVariant attention;
  attention.sliding_window = members.optional_u32("sliding_window");
  attention.soft_cap = members.optional_f64("soft_cap");
  attention.scale = members.optional_f64("scale");
  members.close();
  return attention;
}

Json rope_json(const RopeIdentity& rope) {
  Json json = Json::object();
  if (rope.theta) json["theta"] = *rope.theta;
  json["rotary_dim"] = rope.rotary_dim;
  json["pairing"] = name_of(kPairings, rope.pairing);
  if (rope.scaling) {
    Json parameters = Json::object();
    for (const auto& [name, numbers] : rope.scaling->parameters) parameters[name] = numbers;
    json["scaling"] = {{"type", rope.scaling->type}, {"parameters", parameters}};
  }
  return json;
}

RopeScaling read_scaling(const Json& json, std::string& error) {
  Members members(json, "rope.scaling.", error);
  RopeScaling scaling;
  scaling.type = members.text("type");
  const Json& parameters = members.member("parameters");
  members.close();
  if (!parameters.is_object()) {
    members.fail("parameters", "must be an object");
    return scaling;
  }
  for (const auto& [name, numbers] : parameters.items()) {
    std::vector<double>& values = scaling.parameters[name];
    if (!numbers.is_array()) members.fail(name.substr(0, 64), "must be a list of numbers");
    for (const Json& value : numbers) {
      if (!value.is_number()) return members.fail(name.substr(0, 64), "must be a list of numbers"), scaling;
      values.push_back(value.get<double>());
    }
  }
  return scaling;
}

RopeIdentity read_rope(Members& top, std::string& error) {
  Members members(top.member("rope"), "rope.", error);
  RopeIdentity rope;
  rope.theta = members.optional_f64("theta");
  rope.rotary_dim = members.u32("rotary_dim");
  rope.pairing = members.choice("pairing", kPairings);
  if (const Json* scaling = members.optional_member("scaling")) rope.scaling = read_scaling(*scaling, error);
  members.close();
  return rope;
}

void read_layout(Members& top, std::string& error, LayoutSpec& layout) {
  layout.geometry = read_geometry(top, error);
  layout.chunk_tokens = top.u32("chunk_tokens");
  layout.page_tokens = top.u32("page_tokens");
  if (top.text("page_order") != kPageOrderName) top.fail("page_order", "must be " + std::string(kPageOrderName));
  Members grid(top.member("grid"), "grid.", error);
  layout.grid.shard_layers = grid.u32("shard_layers");
  layout.grid.shard_kv_heads = grid.u32("shard_kv_heads");
  grid.close();
}

}  // namespace

std::string write_manifest(const Manifest& manifest) {
  const StoreIdentity& identity = manifest.identity;
  const LayoutSpec& layout = identity.layout;
  Json json = {{"format", kFormatName},
               {"format_version", identity.format_version},
               {"store_root", to_hex(store_root(identity))},
               {"model_name", manifest.model_name},
               {"created_by", manifest.created_by},
               {"model_fingerprint", to_hex(identity.model_fingerprint)},
               {"architecture", identity.architecture},
               {"hidden", identity.hidden},
               {"geometry", geometry_json(layout.geometry)},
               {"attention", attention_json(identity.attention)},
               {"rope", rope_json(identity.rope)},
               {"chunk_tokens", layout.chunk_tokens},
               {"page_order", kPageOrderName},
               {"page_tokens", layout.page_tokens},
               {"grid", {{"shard_layers", layout.grid.shard_layers}, {"shard_kv_heads", layout.grid.shard_kv_heads}}},
               {"numerics_class", identity.numerics_class}};
  if (identity.kv_quantization) json["kv_quantization"] = *identity.kv_quantization;
  if (identity.lossy_codec) json["lossy_codec"] = *identity.lossy_codec;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto refuse = [](const std::string& what) { return invalid("manifest: " + what); };
  if (text.size() > kManifestBytesMax) return refuse("longer than 64 KiB");
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return refuse("it is not JSON");

  std::string error;
  Members top(json, "", error);
  Manifest manifest;
  StoreIdentity& identity = manifest.identity;
  if (top.text("format") != kFormatName) top.fail("format", "must be " + std::string(kFormatName));
  identity.format_version = top.u32("format_version");
  if (identity.format_version != kFormatVersion) {
    top.fail("format_version", "must be " + std::to_string(kFormatVersion));
  }
  const Digest root = top.digest("store_root");
  manifest.model_name = top.text("model_name");
  manifest.created_by = top.text("created_by");
  identity.model_fingerprint = top.digest("model_fingerprint");
  identity.architecture = top.text("architecture");
  identity.hidden = top.u32("hidden");
  read_layout(top, error, identity.layout);
  identity.attention = read_attention(top, error);
  identity.rope = read_rope(top, error);
  identity.numerics_class = top.text("numerics_class");
  identity.kv_quantization = top.optional_text("kv_quantization");
  identity.lossy_codec = top.optional_text("lossy_codec");
  top.close();
  if (!error.empty()) return refuse(error);
  if (auto valid = validate(identity); !valid) return refuse(valid.error().detail);
  if (store_root(identity) != root) return corrupt("manifest: store_root is not the digest of its fields");
  return manifest;
}

}  // namespace cairn
