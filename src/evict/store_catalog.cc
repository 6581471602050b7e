#include "evict/store_catalog.h"

#include <vector>

namespace cairn {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> names;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t slash = std::min(path.find('/', at), path.size());
    names.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return names;
}

bool is_temporary(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) && name.ends_with(".tmp");
}

// "<slug>-<12 hex of the root>"
bool is_layout_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  return dash != std::string_view::npos && name.size() - dash == 13 &&
         name.find_first_not_of("0123456789abcdef", dash + 1) == std::string_view::npos;
}

FileKind kind_beside_manifest(std::string_view name) {
  if (name == kManifestName) return FileKind::kManifest;
  if (name == "usage") return FileKind::kUsage;
  if (is_temporary(name, ".manifest.") || is_temporary(name, ".usage.") || name.starts_with(".probe.")) {
    return FileKind::kLeftover;
  }
  const bool aside = name.starts_with(std::string(kManifestName) + ".") && name.ends_with(".bad");
  return aside ? FileKind::kSetAside : FileKind::kStranger;
}

}  // namespace

StoreName parse_store_name(std::string_view path) {
  const std::vector<std::string_view> names = split(path);
  StoreName found;
  const std::string_view name = names.back();
  if (names.size() == 2 && name.starts_with("probe-")) {  // of a bucket's rights
    found.kind = FileKind::kLeftover;
    return found;
  }
  if (names.size() < 3 || names.size() > 5 || !is_layout_name(names[1])) return found;
  found.directory = std::string(names[0]) + "/" + std::string(names[1]);
  if (names.size() == 3) {
    found.kind = kind_beside_manifest(name);
  } else if (names.size() == 4 && names[2] == "quarantine") {
    if (name.ends_with(".bad")) found.kind = FileKind::kSetAside;
  } else if (names.size() == 5 && is_fan_out(names[3])) {
    found.shard = names[2];
    found.key = parse_block_name(name);
    if (found.key && fan_out(*found.key) == names[3]) {
      found.kind = FileKind::kBlock;
    } else if (parse_temp_name(name)) {
      found.kind = FileKind::kLeftover;
    }
  }
  return found;
}

std::shared_ptr<const StoreEntry> StoreCatalog::find(const std::string& directory, std::string& why) {
  {
    MutexLock lock(mutex_);
    const auto known = known_.find(directory);
    if (known != known_.end()) return why = known->second.why, known->second.entry;
  }
  Known loaded = load(directory);  // twice at the same time is no harm
  MutexLock lock(mutex_);
  const Known& known = known_.emplace(directory, std::move(loaded)).first->second;
  why = known.why;
  return known.entry;
}

StoreCatalog::Known StoreCatalog::load(const std::string& directory) {
  std::vector<std::byte> bytes;
  const std::string path = directory + "/" + std::string(kManifestName);
  const Result<bool> there = files_.read(path, kManifestBytesMax, bytes);
  if (!there) return {nullptr, there.error().detail};
  if (!*there) return {nullptr, "no manifest.json"};
  const Result<Manifest> manifest = parse_manifest({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!manifest) return {nullptr, "manifest.json: " + manifest.error().detail};
  const Result<BlockLayout> layout = BlockLayout::make(manifest->identity.layout);
  if (!layout) return {nullptr, "manifest.json: " + layout.error().detail};
  StoreEntry entry{*manifest, *layout, StorePath(manifest->identity, *layout), {}};
  if (entry.path.directory() != directory) return {nullptr, "manifest.json is that of " + entry.path.directory()};
  for (std::uint32_t shard = 0; shard < entry.layout.cells(); ++shard) {
    entry.shards.emplace(entry.layout.cell_slug(shard), shard);
  }
  return {std::make_shared<const StoreEntry>(std::move(entry)), ""};
}

}  // namespace cairn
