// Opening a directory as a store of one identity: its manifests decide what the user left open (chunk size, grid), a
// new store publishes its own, and a directory that belongs to another identity is refused.
#pragma once

#include <string>

#include "base/result.h"
#include "io/file.h"
#include "kv/identity.h"
#include "tier/file_config.h"

namespace cairn {

struct StoreWish {
  StoreIdentity identity;
  bool chunk_tokens_set = true;        // false: take the store's, `identity` has the default
  bool grid_set = true;                // false: likewise
  std::string model_name, created_by;  // for people, in a new manifest
};

// Movable; owns the root directory's descriptor.
struct OpenedStore {
  StoreIdentity identity;  // what the store holds: use this one from now on
  OwnedFile root;
  MountTraits mount;
  bool read_only = false;
  bool adopted = false;  // an unset field was taken from a manifest
  bool created = false;  // nothing was there before
};

inline constexpr std::size_t kManifestsMax = 64;  // manifests read at open

// Blocks; call at start. kInvalid: configuration, or the directory belongs to another identity (one line names the
// field). kUnavailable: the directory cannot be opened or made.
Result<OpenedStore> open_store(const FileTierConfig& config, const StoreWish& wish, const FileTierDeps& deps);

}  // namespace cairn
