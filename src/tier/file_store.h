// Opening a directory as a store of one identity: its manifests decide what the user left open (chunk size, grid), a
// new store publishes its own, and a directory that belongs to another identity is refused.
#pragma once

#include <string>

#include "base/result.h"
#include "io/file.h"
#include "tier/file_config.h"
#include "tier/store_wish.h"

namespace cairn {

// Movable; owns the root directory's descriptor.
struct OpenedStore {
  StoreIdentity identity;  // what the store holds: use this one from now on
  OwnedFile root;
  MountTraits mount;
  bool read_only = false;
  bool adopted = false;  // an unset field was taken from a manifest
  bool created = false;  // nothing was there before
};

// Blocks; call at start. kInvalid: configuration, or the directory belongs to another identity (one line names the
// field). kUnavailable: the directory cannot be opened or made.
Result<OpenedStore> open_store(const FileTierConfig& config, const StoreWish& wish, const FileTierDeps& deps);

}  // namespace cairn
