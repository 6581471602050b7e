#include "evict/store_catalog.h"

#include <vector>

#include "tier/file_usage.h"

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

constexpr std::string_view kDigits = "0123456789", kHex = "0123456789abcdef";

bool is_made_of(std::string_view text, std::string_view digits) {
  return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
}
bool is_hex(std::string_view text, std::size_t length) { return text.size() == length && is_made_of(text, kHex); }

// `prefix`, 16 hex digits drawn at random, `suffix`.
bool is_drawn(std::string_view name, std::string_view prefix, std::string_view suffix) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return false;
  return is_hex(name.substr(prefix.size(), name.size() - std::min(name.size(), prefix.size() + suffix.size())), 16);
}

// "llama-30x576-0123abcd"
bool is_model_name(std::string_view name) {
  const std::size_t root = name.rfind('-');
  if (root == std::string_view::npos || !is_hex(name.substr(root + 1), 8)) return false;
  const std::string_view front = name.substr(0, root);
  const std::size_t shape = front.rfind('-');
  if (shape == std::string_view::npos || shape == 0) return false;
  const std::string_view sizes = front.substr(shape + 1);
  const std::size_t by = sizes.find('x');
  return by != std::string_view::npos && is_made_of(sizes.substr(0, by), kDigits) &&
         is_made_of(sizes.substr(by + 1), kDigits);
}

// "t16-bf16-c256-0123456789ab", with more before the root for a grid.
bool is_layout_name(std::string_view name) {
  const std::size_t root = name.rfind('-');
  if (root == std::string_view::npos || !is_hex(name.substr(root + 1), 12) || !name.starts_with('t')) return false;
  const std::size_t chunk = name.find("-c");
  return chunk != std::string_view::npos && chunk < root && is_made_of(name.substr(chunk + 2, 1), kDigits) &&
         is_made_of(name.substr(1, name.find('-') - 1), kDigits);
}

FileKind kind_beside_manifest(std::string_view name) {
  if (name == kManifestName) return FileKind::kManifest;
  if (name == kUsageName) return FileKind::kUsage;
  if (is_drawn(name, ".manifest.", ".tmp") || is_drawn(name, kUsageTemporaryPrefix, ".tmp") ||
      is_drawn(name, ".probe.", "")) {
    return FileKind::kLeftover;
  }
  return is_drawn(name, std::string(kManifestName) + ".", ".bad") ? FileKind::kSetAside : FileKind::kStranger;
}

// "<64 hex>.<shard>.<16 hex>.bad"
bool is_set_aside(std::string_view name) {
  const std::size_t key = name.find('.');
  if (key == std::string_view::npos || !is_hex(name.substr(0, key), 64)) return false;
  const std::size_t shard = name.find('.', key + 1);
  return shard != std::string_view::npos && is_made_of(name.substr(key + 1, shard - key - 1), kDigits) &&
         is_drawn(name.substr(shard), ".", ".bad");
}

}  // namespace

StoreName parse_store_name(std::string_view path) {
  const std::vector<std::string_view> names = split(path);
  StoreName found;
  const std::string_view name = names.back();
  if (!is_model_name(names[0])) return found;
  if (names.size() == 2 && is_drawn(name, "probe-", "")) {  // of a bucket's rights
    found.kind = FileKind::kLeftover;
    return found;
  }
  if (names.size() < 3 || names.size() > 5 || !is_layout_name(names[1])) return found;
  found.directory = std::string(names[0]) + "/" + std::string(names[1]);
  if (names.size() == 3) {
    found.kind = kind_beside_manifest(name);
  } else if (names.size() == 4 && names[2] == kQuarantineName) {
    if (is_set_aside(name)) found.kind = FileKind::kSetAside;
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

std::shared_ptr<const StoreEntry> StoreCatalog::find(const std::string& directory, std::string& why, bool& failed) {
  failed = false;
  {
    MutexLock lock(mutex_);
    const auto known = known_.find(directory);
    if (known != known_.end()) return why = known->second.why, known->second.entry;
  }
  Known loaded = load(directory);  // twice at the same time is no harm
  MutexLock lock(mutex_);
  if (loaded.failed) {  // ask again: the next answer may be a good one
    failed = true;
    why = loaded.why;
    return nullptr;
  }
  const Known& known = known_.emplace(directory, std::move(loaded)).first->second;
  why = known.why;
  return known.entry;
}

StoreCatalog::Known StoreCatalog::load(const std::string& directory) {
  std::vector<std::byte> bytes;
  const std::string path = directory + "/" + std::string(kManifestName);
  const Result<bool> there = files_.read(path, kManifestBytesMax, bytes);
  if (!there) return {nullptr, there.error().detail, true};
  if (!*there) return {nullptr, "there is no manifest.json"};
  const Result<Manifest> manifest = parse_manifest({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!manifest) return {nullptr, manifest.error().detail};
  const Result<BlockLayout> layout = BlockLayout::make(manifest->identity.layout);
  if (!layout) return {nullptr, layout.error().detail};
  StoreEntry entry{*manifest, *layout, StorePath(manifest->identity, *layout), {}};
  if (entry.path.directory() != directory) return {nullptr, "the manifest is that of " + entry.path.directory()};
  for (std::uint32_t shard = 0; shard < entry.layout.cells(); ++shard) {
    entry.shards.emplace(entry.layout.cell_slug(shard), shard);
  }
  return {std::make_shared<const StoreEntry>(std::move(entry)), ""};
}

}  // namespace cairn
