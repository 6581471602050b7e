#include "kv/identity.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "kv/sha256.h"

namespace cairn {
namespace {

constexpr std::string_view kDomain = "cairn.store.1";
constexpr std::size_t kTextBytesMax = 256, kParametersMax = 64, kParameterNumbersMax = 4096;

// Tags of the records, ascending; never reuse one. docs/format.md prints the same table.
enum class Tag : std::uint32_t {
  kModelFingerprint = 1,
  kArchitecture = 2,
  kHidden = 3,
  kLayerGroup = 4,  // once per group, in order
  kKvQuantization = 5,
  kSlidingWindow = 6,
  kSoftCap = 7,
  kScale = 8,
  kRopeTheta = 9,
  kRotaryDim = 10,
  kRopePairing = 11,
  kRopeScalingType = 12,
  kRopeScalingParameter = 13,  // once per parameter, by ascending name
  kChunkTokens = 14,
  kPageOrder = 15,
  kPageTokens = 16,
  kShardGrid = 17,
  kNumericsClass = 18,
  kLossyCodec = 19,
  kFormatVersion = 20,
};

// One field as it is hashed, as it is called, and as people read it. Root, differences and docs come from one list.
struct Field {
  Tag tag;
  std::string name;
  std::string bytes, text;
};

class FieldList {
 public:
  void add(Tag tag, std::string name, std::string bytes, std::string text) {
    fields_.push_back({tag, std::move(name), std::move(bytes), std::move(text)});
  }
  void add_u32(Tag tag, std::string name, std::uint32_t value) {
    add(tag, std::move(name), raw(value), std::to_string(value));
  }
  void add_f64(Tag tag, std::string name, double value) { add(tag, std::move(name), raw(value), number(value)); }
  void add_text(Tag tag, std::string name, const std::string& value) {
    add(tag, std::move(name), value, "\"" + value + "\"");
  }
  std::vector<Field> take() { return std::move(fields_); }

  template <class T>
  static std::string raw(T value) {
    std::string bytes(sizeof value, '\0');
    store_le(bytes.data(), value);
    return bytes;
  }
  static std::string number(double value) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.17g", value);
    return text.data();
  }

 private:
  std::vector<Field> fields_;
};

const char* dtype_name(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kBf16:
      return "bf16";
    case KvDtype::kF16:
      return "f16";
    case KvDtype::kF32:
      return "f32";
  }
  return "unknown";
}

void add_geometry(FieldList& list, const KvGeometry& geometry) {
  std::size_t index = 0;
  for (const LayerGroup& group : geometry.groups) {
    std::string bytes, text;
    for (const std::uint32_t value :
         {group.layers, group.planes, group.heads, group.dim, static_cast<std::uint32_t>(group.dtype)}) {
      bytes += FieldList::raw(value);
    }
    text = std::to_string(group.layers) + " layers, " + std::to_string(group.planes) + " planes, " +
           std::to_string(group.heads) + " KV heads of " + std::to_string(group.dim) + ", " + dtype_name(group.dtype);
    list.add(Tag::kLayerGroup, "geometry[" + std::to_string(index++) + "]", std::move(bytes), std::move(text));
  }
}

void add_attention(FieldList& list, const AttentionVariant& attention) {
  if (attention.sliding_window) {
    list.add_u32(Tag::kSlidingWindow, "attention.sliding_window", *attention.sliding_window);
  }
  if (attention.soft_cap) list.add_f64(Tag::kSoftCap, "attention.soft_cap", *attention.soft_cap);
  if (attention.scale) list.add_f64(Tag::kScale, "attention.scale", *attention.scale);
}

void add_rope(FieldList& list, const RopeIdentity& rope) {
  if (rope.theta) list.add_f64(Tag::kRopeTheta, "rope.theta", *rope.theta);
  list.add_u32(Tag::kRotaryDim, "rope.rotary_dim", rope.rotary_dim);
  list.add_u32(Tag::kRopePairing, "rope.pairing", static_cast<std::uint32_t>(rope.pairing));
  if (!rope.scaling) return;
  list.add_text(Tag::kRopeScalingType, "rope.scaling.type", rope.scaling->type);
  for (const auto& [name, numbers] : rope.scaling->parameters) {
    std::string bytes = FieldList::raw(static_cast<std::uint32_t>(name.size())) + name, text;
    for (const double value : numbers) {
      bytes += FieldList::raw(value);
      text += (text.empty() ? "" : ", ") + FieldList::number(value);
    }
    list.add(Tag::kRopeScalingParameter, "rope.scaling." + name, std::move(bytes), "[" + text + "]");
  }
}

// A grid of 0 is the full size: one cell in that direction is one cell, however it was asked for.
void add_grid(FieldList& list, const LayoutSpec& layout) {
  std::uint32_t layers = layout.grid.shard_layers, heads = layout.grid.shard_kv_heads;
  if (layers == 0) layers = layout.geometry.layers();
  if (heads == 0) {
    for (const LayerGroup& group : layout.geometry.groups) heads = std::max(heads, group.heads);
  }
  list.add(Tag::kShardGrid, "grid", FieldList::raw(layers) + FieldList::raw(heads),
           std::to_string(layers) + " layers x " + std::to_string(heads) + " KV heads");
}

std::vector<Field> fields_of(const StoreIdentity& identity) {
  FieldList list;
  const Digest& model = identity.model_fingerprint;
  list.add(Tag::kModelFingerprint, "model_fingerprint", std::string(model.bytes.begin(), model.bytes.end()),
           to_hex(model));
  list.add_text(Tag::kArchitecture, "architecture", identity.architecture);
  list.add_u32(Tag::kHidden, "hidden", identity.hidden);
  add_geometry(list, identity.layout.geometry);
  if (identity.kv_quantization) list.add_text(Tag::kKvQuantization, "kv_quantization", *identity.kv_quantization);
  add_attention(list, identity.attention);
  add_rope(list, identity.rope);
  list.add_u32(Tag::kChunkTokens, "chunk_tokens", identity.layout.chunk_tokens);
  list.add_u32(Tag::kPageOrder, "page_order", static_cast<std::uint32_t>(identity.layout.order));
  list.add_u32(Tag::kPageTokens, "page_tokens", identity.layout.page_tokens);
  add_grid(list, identity.layout);
  list.add_text(Tag::kNumericsClass, "numerics_class", identity.numerics_class);
  if (identity.lossy_codec) list.add_text(Tag::kLossyCodec, "lossy_codec", *identity.lossy_codec);
  list.add_u32(Tag::kFormatVersion, "format_version", identity.format_version);
  return list.take();
}

Result<void> check_text(const char* name, const std::string& text) {
  if (text.empty() || text.size() > kTextBytesMax) return invalid(std::string(name) + " must have 1 to 256 bytes");
  for (const char c : text) {
    if (c < ' ' || c > '~') return invalid(std::string(name) + " must be printable ASCII");
  }
  return {};
}

// Negative zero equals zero and hashes otherwise; no setting needs it.
Result<void> check_number(const std::string& name, double value) {
  if (!std::isfinite(value) || (value == 0 && std::signbit(value))) return invalid(name + " must be a finite number");
  return {};
}

Result<void> check_rope(const RopeIdentity& rope) {
  if (rope.theta) CAIRN_TRY_VOID(check_number("rope.theta", *rope.theta));
  if (rope.pairing != RopePairing::kHalves && rope.pairing != RopePairing::kInterleaved) {
    return invalid("rope.pairing is unknown");
  }
  if (!rope.scaling) return {};
  CAIRN_TRY_VOID(check_text("rope.scaling.type", rope.scaling->type));
  if (rope.scaling->parameters.size() > kParametersMax) return invalid("rope.scaling has more than 64 parameters");
  for (const auto& [name, numbers] : rope.scaling->parameters) {
    CAIRN_TRY_VOID(check_text("a name in rope.scaling", name));
    if (name == "type") return invalid("rope.scaling has two types");
    if (numbers.size() > kParameterNumbersMax) return invalid("rope.scaling." + name + " has more than 4096 numbers");
    for (const double value : numbers) CAIRN_TRY_VOID(check_number("rope.scaling." + name, value));
  }
  return {};
}

// Lower case, digits and '_' pass; every other byte becomes '-', so that no text can leave the alphabet of a slug.
std::string slug_text(std::string_view text, std::size_t bytes_max) {
  std::string slug;
  for (const char c : text.substr(0, bytes_max)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    const bool upper = c >= 'A' && c <= 'Z';
    slug += plain ? c : upper ? static_cast<char>(c - 'A' + 'a') : '-';
  }
  return slug;
}

}  // namespace

Result<void> validate(const StoreIdentity& identity) {
  if (auto layout = BlockLayout::make(identity.layout); !layout) return std::move(layout).error();
  CAIRN_TRY_VOID(check_text("architecture", identity.architecture));
  CAIRN_TRY_VOID(check_text("numerics_class", identity.numerics_class));
  if (identity.hidden == 0) return invalid("hidden must not be 0");
  // Unlike the names above, these may be empty: present and empty is a statement, and differs from absent.
  for (const auto& [name, text] :
       {std::pair{"kv_quantization", &identity.kv_quantization}, std::pair{"lossy_codec", &identity.lossy_codec}}) {
    if (*text && !(*text)->empty()) CAIRN_TRY_VOID(check_text(name, **text));
  }
  if (identity.attention.soft_cap) CAIRN_TRY_VOID(check_number("attention.soft_cap", *identity.attention.soft_cap));
  if (identity.attention.scale) CAIRN_TRY_VOID(check_number("attention.scale", *identity.attention.scale));
  if (identity.format_version != kFormatVersion) {
    return invalid("format_version must be " + std::to_string(kFormatVersion));
  }
  return check_rope(identity.rope);
}

std::vector<std::uint8_t> encode_identity(const StoreIdentity& identity) {
  std::string bytes(kDomain);
  for (const Field& field : fields_of(identity)) {
    bytes += FieldList::raw(static_cast<std::uint32_t>(field.tag));
    bytes += FieldList::raw(static_cast<std::uint32_t>(field.bytes.size()));
    bytes += field.bytes;
  }
  return {bytes.begin(), bytes.end()};
}

Digest store_root(const StoreIdentity& identity) { return sha256(encode_identity(identity)); }

std::vector<FieldDifference> differences(const StoreIdentity& first, const StoreIdentity& second) {
  const std::vector<Field> a = fields_of(first), b = fields_of(second);
  const auto find = [](const std::vector<Field>& fields, const std::string& name) -> const Field* {
    for (const Field& field : fields) {
      if (field.name == name) return &field;
    }
    return nullptr;
  };
  std::vector<FieldDifference> found;
  for (const Field& field : a) {
    const Field* other = find(b, field.name);
    if (other == nullptr) {
      found.push_back({field.name, field.text, "absent"});
    } else if (other->bytes != field.bytes) {
      found.push_back({field.name, field.text, other->text});
    }
  }
  for (const Field& field : b) {
    if (find(a, field.name) == nullptr) found.push_back({field.name, "absent", field.text});
  }
  return found;
}

std::string model_slug(const StoreIdentity& identity) {
  const std::string shape = "-" + std::to_string(identity.layout.geometry.layers()) + "x" +
                            std::to_string(identity.hidden) + "-" + to_hex(identity.model_fingerprint).substr(0, 8);
  return slug_text(identity.architecture, kSlugBytesMax - shape.size()) + shape;
}

std::string layout_slug(const StoreIdentity& identity) {
  const LayoutSpec& layout = identity.layout;
  std::string dtype = layout.geometry.groups.empty() ? "none" : dtype_name(layout.geometry.groups[0].dtype);
  for (const LayerGroup& group : layout.geometry.groups) {
    if (group.dtype != layout.geometry.groups[0].dtype) dtype = "mixed";
  }
  return "t" + std::to_string(layout.page_tokens) + "-" + dtype + "-c" + std::to_string(layout.chunk_tokens);
}

}  // namespace cairn
