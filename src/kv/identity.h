// Which KV is interchangeable: every fact that makes KV bytes differ, except the tenant, and its digest, the store
// root (docs/format.md section "Store root"). Values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "kv/layout.h"

namespace cairn {

inline constexpr std::uint32_t kFormatVersion = 1;

// Absent means that the model has no such thing; it differs from every value.
struct AttentionVariant {
  std::optional<std::uint32_t> sliding_window;  // tokens
  std::optional<double> soft_cap;
  std::optional<double> scale;  // of the scores; absent: 1 / sqrt(head size)
  bool operator==(const AttentionVariant&) const = default;
};

enum class RopePairing : std::uint32_t { kHalves = 1, kInterleaved = 2 };  // (i, i + dim/2) or (2i, 2i + 1)

struct RopeScaling {
  std::string type;                                       // as config.json names it: "llama3", "yarn", ...
  std::map<std::string, std::vector<double>> parameters;  // every other number of rope_scaling, by its name
  bool operator==(const RopeScaling&) const = default;
};

struct RopeIdentity {
  std::optional<double> theta;   // absent: no rotary embedding
  std::uint32_t rotary_dim = 0;  // leading dimensions of a head that are rotated
  RopePairing pairing = RopePairing::kHalves;
  std::optional<RopeScaling> scaling;
  bool operator==(const RopeIdentity&) const = default;
};

struct StoreIdentity {
  Digest model_fingerprint;  // of canonical config.json and every weight file
  std::string architecture;  // "llama", "qwen3": lower case, part of the slug
  std::uint32_t hidden = 0;
  LayoutSpec layout;  // geometry, page tokens and order, chunk tokens, grid
  std::optional<std::string> kv_quantization;
  AttentionVariant attention;
  RopeIdentity rope;
  std::string numerics_class;              // "t32-v1"
  std::optional<std::string> lossy_codec;  // a lossless codec is not part of the identity
  std::uint32_t format_version = kFormatVersion;
  bool operator==(const StoreIdentity&) const = default;
};

// kInvalid: a layout that BlockLayout refuses, an empty or over-long text, a number that is not finite.
Result<void> validate(const StoreIdentity& identity);

// The bytes that the store root digests: "cairn.store.1", then records {u32 tag, u32 length, bytes} by ascending tag.
// An absent field has no record. A grid of 0 is written as the full size that it stands for.
std::vector<std::uint8_t> encode_identity(const StoreIdentity& identity);
Digest store_root(const StoreIdentity& identity);

struct FieldDifference {
  std::string field;          // "rope.theta"
  std::string first, second;  // as text; "absent" when the field is not there
  bool operator==(const FieldDifference&) const = default;
};
// Empty exactly when the store roots are equal: why two instances do not share.
std::vector<FieldDifference> differences(const StoreIdentity& first, const StoreIdentity& second);

// Directory names made of hashed fields only: [a-z0-9._-], at most kSlugBytesMax.
inline constexpr std::size_t kSlugBytesMax = 48;
std::string model_slug(const StoreIdentity& identity);   // llama-30x576-<8 hex of the fingerprint>
std::string layout_slug(const StoreIdentity& identity);  // t16-bf16-c256

}  // namespace cairn
