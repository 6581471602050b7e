// What a user wants of a shared store, and what the manifests that lie there make of it. Values; any kind of store.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "kv/identity.h"
#include "kv/manifest.h"
#include "telemetry/log.h"

namespace cairn {

inline constexpr std::size_t kManifestsMax = 64;  // read at open

struct StoreWish {
  StoreIdentity identity;
  bool chunk_tokens_set = true;        // false: take the store's, `identity` has the default
  bool grid_set = true;                // false: likewise
  std::string model_name, created_by;  // for people, in a new manifest
};

// Takes unset fields from the first manifest that is ours with them, and says which set field keeps us apart. True: the
// identity became another.
bool adopt(const StoreWish& wish, std::span<const Manifest> manifests, Log& log, StoreIdentity& identity);

// One line for a manifest under our own name that is another store's.
std::string belongs_to_another(const std::string& where, const StoreIdentity& ours, const StoreIdentity& theirs);

}  // namespace cairn
