#include "apps/stores.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "apps/machine.h"
#include "config/store_url.h"
#include "kv/store_path.h"
#include "tier/file_tier.h"
#include "tier/metered.h"
#include "tier/ram_tier.h"
#include "tier/throttled.h"
#include "tier/warm.h"

namespace cairn {
namespace {

struct FileStore {
  FileTierConfig config;
  ThrottledConfig throttle;
  std::string shown;
};

Result<FileStore> parse_store(const std::string& text) {
  CAIRN_TRY(const StoreUrl url, parse_store_url(text));
  if (url.scheme != "file")
    return invalid("store " + url.shown + ": scheme '" + url.scheme + "' is not supported: write file:///path");
  FileStore store;
  store.shown = url.shown;
  store.config.path = url.path;
  OptionSet options;
  options.add("", "", store.config);
  options.add("", "", store.throttle);
  CAIRN_TRY_VOID(apply_query(url, options));
  return store;
}

// `same_before`: tiers of its kind that were opened before.
std::unique_ptr<Tier> wrapped(std::unique_ptr<Tier> tier, const ThrottledConfig& throttle, std::size_t same_before,
                              const StoreDeps& deps) {
  if (throttle.read_bytes_per_s != 0 || throttle.write_bytes_per_s != 0 || throttle.latency_us != 0) {
    tier = std::make_unique<ThrottledTier>(std::move(tier), throttle, deps.clock);
  }
  std::string name(tier->traits().name);
  if (same_before > 0) name += "-" + std::to_string(same_before + 1);  // "file", "file-2": one series each
  return std::make_unique<MeteredTier>(std::move(tier), deps.clock, deps.metrics, std::move(name));
}

// Two ways to the same directory would be two tiers that write the same files.
Result<void> refuse_twice(const std::string& path, std::vector<struct stat>& opened) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};  // opening it has said all there is to say
  for (const struct stat& other : opened) {
    if (other.st_dev == status.st_dev && other.st_ino == status.st_ino)
      return invalid("stores: " + path + " is the same directory as a store before it; name each once");
  }
  opened.push_back(status);
  return {};
}

// Before the first request, so that nobody waits for a lock of it; a store that hangs is left at the bound.
Result<void> warm_up(const std::string& text, Tier& ram, std::uint64_t ram_bytes, const OpenedTiers& opened,
                     const BlockLayout& layout, const StoreDeps& deps) {
  constexpr std::int64_t kPatienceUs = 60'000'000;
  CAIRN_TRY(FileStore store, parse_store(text));
  if (!std::filesystem::is_directory(store.config.path))
    return invalid("warm_from: " + store.shown + " is not a directory; name a store that is there");
  // Opening would make a store of a directory that is none.
  if (!std::filesystem::is_directory(store.config.path + "/" + StorePath(opened.identity, layout).directory())) {
    deps.log.warn("serve.ram.nothing_to_warm_from",
                  {{"store", store.shown}, {"why", "it holds no blocks of this model"}});
    return {};
  }
  const FileTierDeps file_deps{deps.clock, deps.log};
  StoreWish wish{opened.identity, true, true, "", ""};
  CAIRN_TRY(OpenedStore directory, open_store(store.config, wish, file_deps));
  CAIRN_TRY(const std::unique_ptr<FileTier> from, FileTier::open(store.config, std::move(directory), file_deps));
  const Deadline deadline = deps.clock.after_us(kPatienceUs);
  const auto ids = youngest_blocks(store.config.path, opened.identity, layout, ram_bytes, deps.clock, deadline);
  CAIRN_TRY(const CopyReport report, copy_blocks(ids, *from, ram, layout, deps.clock, deadline));
  deps.log.info(
      "serve.ram.warmed",
      {{"store", store.shown}, {"blocks", report.blocks}, {"bytes", report.bytes}, {"passed_by", report.passed_by}});
  if (!report.in_time) deps.log.warn("serve.ram.warmed_in_part", {{"store", store.shown}, {"left", report.passed_by}});
  return {};
}

}  // namespace

Result<void> check_warm_from(const ServeWords& words) {
  if (words.warm_from.empty()) return {};
  const Result<FileStore> store = parse_store(words.warm_from);
  if (!store) return Error{store.error().code, "warm_from: " + store.error().detail};
  if (words.ram_bytes == 0u) return invalid("warm_from needs a RAM tier to fill: set ram_bytes");
  return {};
}

Result<void> check_stores(const std::vector<std::string>& stores) {
  std::set<std::string> paths;
  for (const std::string& text : stores) {
    const Result<FileStore> store = parse_store(text);
    if (!store) return Error{store.error().code, "stores: " + store.error().detail};
    const std::string path = std::filesystem::path(store->config.path).lexically_normal().string();
    if (!paths.insert(path).second) return invalid("stores: " + path + " is given twice; name each store once");
  }
  return {};
}

Result<OpenedTiers> open_tiers(const ServeWords& words, std::uint64_t ram_bytes, StoreIdentity identity,
                               const std::string& model_name, const StoreDeps& deps) {
  OpenedTiers opened;
  opened.identity = std::move(identity);
  bool chunk_set = words.chunk_tokens != 0, grid_set = words.shard_layers != 0 || words.shard_kv_heads != 0;
  std::vector<struct stat> directories;
  for (const std::string& text : words.stores) {
    CAIRN_TRY(FileStore store, parse_store(text));
    const FileTierDeps file_deps{deps.clock, deps.log};
    StoreWish wish{opened.identity, chunk_set, grid_set, model_name, std::string("cairn ") + CAIRN_VERSION};
    CAIRN_TRY(OpenedStore directory, open_store(store.config, wish, file_deps));
    CAIRN_TRY_VOID(refuse_twice(store.config.path, directories));
    opened.identity = directory.identity;
    chunk_set = grid_set = true;  // the first store decides; the next ones must agree
    opened.descriptions.push_back(store.shown + (directory.read_only ? " (read-only)" : ""));
    CAIRN_TRY(std::unique_ptr<Tier> tier, FileTier::open(store.config, std::move(directory), file_deps));
    opened.fastest_first.push_back(wrapped(std::move(tier), store.throttle, opened.fastest_first.size(), deps));
  }
  if (ram_bytes != 0) {
    CAIRN_TRY_VOID(check_memory("ram_bytes", ram_bytes));
    CAIRN_TRY(const BlockLayout layout, BlockLayout::make(opened.identity.layout));
    CAIRN_TRY(std::unique_ptr<Tier> ram,
              RamTier::open({.capacity_bytes = ram_bytes}, layout.block_bytes_max(), {deps.clock, deps.log}));
    if (!words.warm_from.empty()) CAIRN_TRY_VOID(warm_up(words.warm_from, *ram, ram_bytes, opened, layout, deps));
    opened.fastest_first.insert(opened.fastest_first.begin(), wrapped(std::move(ram), {}, 0, deps));
    opened.descriptions.insert(opened.descriptions.begin(), "ram " + format_bytes(ram_bytes));
  }
  return opened;
}

}  // namespace cairn
