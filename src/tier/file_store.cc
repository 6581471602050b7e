#include "tier/file_store.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/random.h"
#include "kv/manifest.h"
#include "kv/store_path.h"

namespace cairn {
namespace {

bool means_read_only(int code) { return code == -EROFS || code == -EACCES || code == -EPERM; }

std::string reason(int code) { return strerror(-code); }

// For people: where a file of the store lies.
std::string absolute(const FileTierConfig& config, const std::string& path) {
  std::error_code ignored;
  const std::filesystem::path root = std::filesystem::absolute(config.path, ignored);
  return (root / path).lexically_normal().string();
}

Result<OwnedFile> open_root(FileCalls& calls, const FileTierConfig& config) {
  int root = calls.open_root(config.path.c_str());
  if (root == -ENOENT) {
    const bool absolute = config.path.front() == '/';
    OwnedFile above(calls, calls.open_root(absolute ? "/" : "."));
    std::string below = config.path.substr(absolute ? 1 : 0);
    while (!below.empty() && below.back() == '/') below.pop_back();
    const int made =
        above.open() ? make_directories(calls, above.get(), below, *parse_mode(config.dir_mode)) : above.get();
    if (made < 0) return unavailable("cannot make the store directory " + config.path + ": " + reason(made));
    const int synced = config.durability == "full" ? sync_directories(calls, above.get(), below) : 0;
    if (synced < 0) return unavailable("cannot sync the directories above " + config.path + ": " + reason(synced));
    root = calls.open_root(config.path.c_str());
  }
  if (root < 0) return unavailable("cannot open the store directory " + config.path + ": " + reason(root));
  return OwnedFile(calls, root);
}

// nullopt: there is none. kInvalid, kCorrupt: there is one that is no manifest. kUnavailable: it cannot be read.
Result<std::optional<Manifest>> read_manifest(FileCalls& calls, int root, const std::string& path) {
  OwnedFile file(calls, calls.open_beneath(root, path.c_str(), O_RDONLY, 0));
  if (file.get() == -ENOENT || file.get() == -ENOTDIR) return std::optional<Manifest>();
  if (!file.open()) return unavailable("cannot read " + path + ": " + reason(file.get()));
  FileStat found;
  if (calls.stat_open(file.get(), found) < 0 || !found.regular || found.bytes > kManifestBytesMax) {
    return invalid(path + " is not a manifest");
  }
  std::string text(found.bytes, '\0');
  const iovec piece{text.data(), text.size()};
  const std::int64_t got = read_pieces(calls, file.get(), {&piece, 1}, 0, {});
  if (got != static_cast<std::int64_t>(text.size())) return unavailable("cannot read " + path);
  Result<Manifest> manifest = parse_manifest(text);
  if (!manifest) return invalid(path + ": " + manifest.error().detail);
  return std::optional<Manifest>(*std::move(manifest));
}

// 0, -EEXIST or -errno.
int publish_manifest(FileCalls& calls, int directory, PublishMethod method, const FileTierConfig& config,
                     const std::string& text) {
  const std::string temporary = ".manifest." + random_hex(8) + ".tmp";
  const std::uint32_t mode = *parse_mode(config.file_mode);
  OwnedFile file(calls, calls.open_beneath(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL, mode));
  if (!file.open()) return file.get();
  calls.chmod_open(file.get(), mode);
  const iovec piece{const_cast<char*>(text.data()), text.size()};
  const std::int64_t wrote = write_pieces(calls, file.get(), {&piece, 1}, 0, {});
  int failed = wrote == static_cast<std::int64_t>(text.size()) ? 0 : wrote < 0 ? static_cast<int>(wrote) : -EIO;
  if (failed == 0) failed = calls.sync(file.get(), SyncKind::kFull);
  file.reset();
  if (failed == 0) failed = publish(calls, method, directory, temporary.c_str(), std::string(kManifestName).c_str());
  if (failed < 0) calls.unlink(directory, temporary.c_str());
  return failed;
}

// The manifests of <model slug>/*, in the order of their names.
std::vector<Manifest> neighbours(FileCalls& calls, int root, const std::string& model_directory,
                                 const FileTierConfig& config, Log& log) {
  std::vector<std::string> names;
  calls.list(root, model_directory.c_str(), 4096, names);
  std::sort(names.begin(), names.end());
  if (names.size() > kManifestsMax) names.resize(kManifestsMax);
  std::vector<Manifest> manifests;
  for (const std::string& name : names) {
    const std::string path = model_directory + "/" + name + "/" + std::string(kManifestName);
    auto manifest = read_manifest(calls, root, path);
    if (!manifest)
      log.warn("tier.store.manifest_unreadable",
               {{"error", manifest.error().detail},
                {"file", absolute(config, path)},
                {"hint", "its chunk size and grid are not known here; an instance that sets them uses its blocks"}});
    else if (*manifest)
      manifests.push_back(**manifest);
  }
  return manifests;
}

enum class OwnManifest : std::uint8_t { kAbsent, kOurs, kDamaged };

// An error: it says that the directory is another store's, or it cannot be read.
Result<OwnManifest> check_own_manifest(FileCalls& calls, int root, const StorePath& path, const FileTierConfig& config,
                                       const StoreIdentity& identity) {
  const auto own = read_manifest(calls, root, path.manifest());
  if (!own) {
    if (own.error().code != ErrorCode::kUnavailable) return OwnManifest::kDamaged;
    return unavailable(own.error().detail + " (" + absolute(config, path.manifest()) + ")");
  }
  if (!own->has_value()) return OwnManifest::kAbsent;
  if (store_root((*own)->identity) == store_root(identity)) return OwnManifest::kOurs;
  return invalid(belongs_to_another(absolute(config, path.manifest()), identity, (*own)->identity) +
                 "; use another directory");
}

// What cannot be read as a manifest makes room for one. That is safe: the directory's name and every block's header
// carry the store root, and no block is used without its header. The damaged file is kept for people.
Result<void> move_damaged_manifest(FileCalls& calls, int directory, const StorePath& path, const FileTierConfig& config,
                                   Log& log) {
  const std::string name(kManifestName), aside = name + "." + random_hex(8) + ".bad";
  const int moved = calls.move(directory, name.c_str(), directory, aside.c_str());
  if (moved < 0 && moved != -ENOENT) {  // gone: another instance was first
    return unavailable(absolute(config, path.manifest()) + " is damaged and cannot be moved: " + reason(moved) +
                       "; move it away: the blocks beside it stay valid, and a new manifest is written");
  }
  log.warn("tier.store.manifest_replaced",
           {{"file", absolute(config, path.manifest())}, {"kept_as", aside}, {"blocks", "stay valid"}});
  return {};
}

struct Publication {
  const StorePath& path;
  const FileTierConfig& config;
  const StoreWish& wish;
  Log& log;
};

// Leaves a manifest of ours in the directory, unless the disk is full.
Result<void> ensure_manifest(FileCalls& calls, int directory, const Publication& with, OwnManifest found,
                             OpenedStore& store) {
  if (found == OwnManifest::kOurs) return {};
  if (found == OwnManifest::kDamaged) {
    CAIRN_TRY_VOID(move_damaged_manifest(calls, directory, with.path, with.config, with.log));
  }
  const int published = publish_manifest(calls, directory, store.mount.publish, with.config,
                                         write_manifest({store.identity, with.wish.model_name, with.wish.created_by}));
  if (published < 0 && published != -EEXIST && published != -ENOSPC && published != -EDQUOT) {
    return unavailable("cannot publish " + absolute(with.config, with.path.manifest()) + ": " + reason(published));
  }
  store.created = found == OwnManifest::kAbsent && published >= 0;
  CAIRN_TRY_VOID(
      check_own_manifest(calls, store.root.get(), with.path, with.config, store.identity));  // maybe another's
  return {};
}

}  // namespace

Result<std::uint32_t> parse_mode(const std::string& text) {
  std::uint32_t mode = 0;
  if (text.empty() || text.size() > 5) return invalid("not octal permissions");
  for (const char digit : text) {
    if (digit < '0' || digit > '7') return invalid("not octal permissions");
    mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  }
  if (mode > 07777) return invalid("not octal permissions");
  return mode;
}

Result<void> FileTierConfig::validate() const {
  if (path.empty()) return invalid("the file tier needs a path");
  if (durability != "none" && durability != "data" && durability != "full") {
    return invalid("durability must be none, data or full, not '" + durability + "'");
  }
  if (direct != "auto" && direct != "always" && direct != "never") {
    return invalid("direct must be auto, always or never, not '" + direct + "'");
  }
  if (io_threads == 0 || io_threads > 256) return invalid("io_threads must be between 1 and 256");
  if (lookup_threads == 0 || lookup_threads > 256) return invalid("lookup_threads must be between 1 and 256");
  if (queue_max == 0) return invalid("queue_max must be positive");
  if (!parse_mode(file_mode))
    return invalid("file_mode must be octal permissions such as 0600, not '" + file_mode + "'");
  if (!parse_mode(dir_mode)) return invalid("dir_mode must be octal permissions such as 0700, not '" + dir_mode + "'");
  if (scan_directories_per_s == 0) return invalid("scan_directories_per_s must be positive");
  return {};
}

Result<OpenedStore> open_store(const FileTierConfig& config, const StoreWish& wish, const FileTierDeps& deps) {
  CAIRN_TRY_VOID(config.validate());
  CAIRN_TRY_VOID(validate(wish.identity));
  FileCalls& calls = deps.calls != nullptr ? *deps.calls : system_file_calls();
  const DirectMode mode = config.direct == "always"  ? DirectMode::kAlways
                          : config.direct == "never" ? DirectMode::kNever
                                                     : DirectMode::kAuto;
  OpenedStore store;
  store.identity = wish.identity;
  CAIRN_TRY(store.root, open_root(calls, config));
  const int root = store.root.get();
  const auto manifests = neighbours(calls, root, model_slug(wish.identity), config, deps.log);
  store.adopted = adopt(wish, manifests, deps.log, store.identity);
  CAIRN_TRY(const BlockLayout layout, BlockLayout::make(store.identity.layout));
  const StorePath path(store.identity, layout);
  CAIRN_TRY(const OwnManifest found, check_own_manifest(calls, root, path, config, store.identity));

  const int made = make_directories(calls, root, path.directory(), *parse_mode(config.dir_mode));
  if (made < 0 && !means_read_only(made)) return unavailable("cannot make " + path.directory() + ": " + reason(made));
  OwnedFile directory(calls, calls.open_beneath(root, path.directory().c_str(), O_RDONLY | O_DIRECTORY, 0));
  auto mount = directory.open() ? probe_mount(calls, directory.get(), mode) : Result<MountTraits>(MountTraits{});
  store.read_only = !directory.open() || !mount;
  if (!store.read_only) {
    store.mount = *mount;
    CAIRN_TRY_VOID(ensure_manifest(calls, directory.get(), {path, config, wish, deps.log}, found, store));
  } else if (mode == DirectMode::kAlways && mount.has_value() == false) {
    return std::move(mount).error();
  } else if (directory.open()) {
    store.mount = probe_read_only_mount(calls, directory.get(), std::string(kManifestName), mode);
  }
  return store;
}

}  // namespace cairn
