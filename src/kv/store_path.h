// Relative names inside a shared store, the same for a directory and for a bucket (docs/format.md section "Store"):
//   <model slug>/<layout slug>-<12 hex of the root>/<shard slug>/<hhh>/<key hex>.kv
// No client text enters a name. Immutable values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "kv/identity.h"
#include "kv/keys.h"
#include "kv/layout.h"

namespace cairn {

inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kQuarantineName = "quarantine";  // directory()/quarantine: damaged blocks set aside

class StorePath {
 public:
  // `identity` has passed validate().
  StorePath(const StoreIdentity& identity, const BlockLayout& layout);

  const Digest& root() const { return root_; }
  const std::string& model_directory() const { return model_directory_; }  // "llama-30x576-0123abcd"
  const std::string& directory() const { return directory_; }  // ".../t16-bf16-c256-<12 hex>", no slash at the end
  std::string manifest() const;                                // directory()/manifest.json
  std::string shard_directory(std::uint32_t shard) const;      // directory()/L0-30_H0-3
  std::string block_directory(const KvBlockId& id) const;      // shard_directory()/<hhh>
  std::string block(const KvBlockId& id) const;                // block_directory()/<key hex>.kv

 private:
  Digest root_;
  std::string model_directory_, directory_;
  std::vector<std::string> shards_;
};

std::string block_name(const ChunkKey& key);                       // <key hex>.kv
std::string fan_out(const ChunkKey& key);                          // <hhh>
std::string temp_name(const ChunkKey& key, std::uint64_t random);  // .<key hex>.<16 hex random>.tmp
std::optional<ChunkKey> parse_block_name(std::string_view name);   // lower-case hex only, nothing else
std::optional<ChunkKey> parse_temp_name(std::string_view name);    // likewise
bool is_fan_out(std::string_view name);                            // three lower-case hex digits

}  // namespace cairn
