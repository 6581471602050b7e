// manifest.json beside the shards of a store: the identity as people read it, and names that people use. Its text
// gives the identity back exactly. Values; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/result.h"
#include "kv/identity.h"

namespace cairn {

inline constexpr std::size_t kManifestBytesMax = 64 * 1024;

struct Manifest {
  StoreIdentity identity;
  std::string model_name;  // for people; not part of the identity
  std::string created_by;  // for people: program and version
  bool operator==(const Manifest&) const = default;
};

std::string write_manifest(const Manifest& manifest);

// kInvalid: longer than kManifestBytesMax, not JSON, a field missing, unknown or out of range (named), or a
// format_version other than ours. kCorrupt: its store_root is not that of its own fields.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace cairn
