// What a name in a store stands for, and which identity the manifest beside it gives. Names are those of
// docs/format.md; what has none of them is a stranger's and is left alone, whatever it is.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "evict/store_files.h"
#include "kv/layout.h"
#include "kv/manifest.h"
#include "kv/store_path.h"

namespace cairn {

enum class FileKind : std::uint8_t {
  kBlock,
  kManifest,
  kUsage,     // what a bounded store held when it was last counted
  kLeftover,  // of a writer that ended in the middle: temporary files, probes
  kSetAside,  // damaged blocks and manifests, kept for people
  kStranger,
};

struct StoreName {
  FileKind kind = FileKind::kStranger;
  std::string directory;        // "<model>/<layout>-<root>" of the store it belongs to; empty: of none
  std::string shard;            // kBlock: "L0-30_H0-3"
  std::optional<ChunkKey> key;  // kBlock
};
StoreName parse_store_name(std::string_view path);

// One directory of blocks of equal identity.
struct StoreEntry {
  Manifest manifest;
  BlockLayout layout;
  StorePath path;
  std::map<std::string, std::uint32_t, std::less<>> shards;  // by slug
};

class StoreCatalog {
 public:
  explicit StoreCatalog(StoreFiles& files) : files_(files) {}
  // Null: no manifest, a damaged one, or one that belongs elsewhere; `why` says so. `failed`: the store gave an error
  // instead, which is not remembered. Any thread.
  std::shared_ptr<const StoreEntry> find(const std::string& directory, std::string& why, bool& failed);
  std::shared_ptr<const StoreEntry> find(const std::string& directory) {
    std::string why;
    bool failed = false;
    return find(directory, why, failed);
  }

 private:
  struct Known {
    std::shared_ptr<const StoreEntry> entry;
    std::string why;
    bool failed = false;
  };
  Known load(const std::string& directory);
  StoreFiles& files_;
  Mutex mutex_;
  std::map<std::string, Known> known_ CAIRN_GUARDED_BY(mutex_);
};

}  // namespace cairn
