#include "apps/stores.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "apps/machine.h"
#include "config/load.h"
#include "config/store_url.h"
#include "kv/store_path.h"
#include "s3/connect.h"
#include "tier/file_tier.h"
#include "tier/metered.h"
#include "tier/ram_tier.h"
#include "tier/s3_tier.h"
#include "tier/throttled.h"
#include "tier/warm.h"

namespace cairn {
namespace {

struct Store {
  bool in_bucket = false;
  FileTierConfig file;
  S3Config s3;
  ThrottledConfig throttle;
  std::string shown;
  // Equal ones are the same place.
  std::string place() const {
    if (in_bucket) return "s3://" + s3.bucket + "/" + s3.prefix + " at " + s3.endpoint;
    return std::filesystem::path(file.path).lexically_normal().string();
  }
};

Result<Store> parse_store(const std::string& text, const ServeWords& words) {
  CAIRN_TRY(const StoreUrl url, parse_store_url(text));
  if (url.scheme != "file" && url.scheme != "s3") {
    return invalid("store " + url.shown + ": scheme '" + url.scheme +
                   "' is not supported: write file:///path or s3://bucket/prefix");
  }
  Store store;
  store.shown = url.shown;
  store.in_bucket = url.scheme == "s3";
  OptionSet options;
  if (store.in_bucket) {
    store.s3.bucket = url.authority;
    store.s3.prefix = url.path.empty() ? "" : url.path.substr(1);
    while (store.s3.prefix.ends_with('/')) store.s3.prefix.pop_back();
    store.s3.access_key_id = words.s3_access_key_id;
    store.s3.secret_access_key = words.s3_secret_access_key;
    store.s3.session_token = words.s3_session_token;
    store.s3.region = variable_or(environment(), "AWS_REGION", "us-east-1");
    options.add("", "", store.s3);
  } else {
    store.file.path = url.path;
    options.add("", "", store.file);
  }
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

Result<OpenedBucket> open_bucket(const Store& store, const StoreWish& wish, const StoreDeps& deps) {
  if (!store.s3.tls) {
    deps.log.warn("serve.s3.no_tls",
                  {{"store", store.shown}, {"means", "KV and prompts' digests travel in the clear"}});
  }
  const auto with_place = [&](const Error& error) {
    return Error{error.code, "store " + store.shown + ": " + error.detail};
  };
  Result<std::shared_ptr<S3Client>> client = connect_bucket(store.s3, deps.clock, deps.log, deps.metrics);
  if (!client) return with_place(client.error());
  Result<OpenedBucket> bucket = open_bucket(*std::move(client), wish, deps.clock, deps.log);
  if (!bucket) return with_place(bucket.error());
  return bucket;
}

// Before the first request, so that nobody waits for a lock of it; a store that hangs is left at the bound.
Result<void> warm_up(const std::string& text, Tier& ram, std::uint64_t ram_bytes, const OpenedTiers& opened,
                     const BlockLayout& layout, const StoreDeps& deps) {
  constexpr std::int64_t kPatienceUs = 60'000'000;
  CAIRN_TRY(Store store, parse_store(text, {}));
  if (!std::filesystem::is_directory(store.file.path))
    return invalid("warm_from: " + store.shown + " is not a directory; name a store that is there");
  // Opening would make a store of a directory that is none.
  if (!std::filesystem::is_directory(store.file.path + "/" + StorePath(opened.identity, layout).directory())) {
    deps.log.warn("serve.ram.nothing_to_warm_from",
                  {{"store", store.shown}, {"why", "it holds no blocks of this model"}});
    return {};
  }
  const FileTierDeps file_deps{deps.clock, deps.log};
  StoreWish wish{opened.identity, true, true, "", ""};
  CAIRN_TRY(OpenedStore directory, open_store(store.file, wish, file_deps));
  CAIRN_TRY(const std::unique_ptr<FileTier> from, FileTier::open(store.file, std::move(directory), file_deps));
  const Deadline deadline = deps.clock.after_us(kPatienceUs);
  const auto ids = youngest_blocks(store.file.path, opened.identity, layout, ram_bytes, deps.clock, deadline);
  CAIRN_TRY(const CopyReport report, copy_blocks(ids, *from, ram, layout, deps.clock, deadline));
  deps.log.info(
      "serve.ram.warmed",
      {{"store", store.shown}, {"blocks", report.blocks}, {"bytes", report.bytes}, {"passed_by", report.passed_by}});
  if (!report.in_time) deps.log.warn("serve.ram.warmed_in_part", {{"store", store.shown}, {"left", report.passed_by}});
  return {};
}

}  // namespace

Result<S3Config> parse_bucket(const std::string& text) {
  CAIRN_TRY(const Store store, parse_store(text, {}));
  if (!store.in_bucket) return invalid("store " + store.shown + " is no bucket: write s3://bucket/prefix");
  return store.s3;
}

Result<std::string> store_directory(const std::string& text) {
  if (text.find("://") == std::string::npos) return text;
  CAIRN_TRY(const Store store, parse_store(text, {}));
  return store.file.path;
}

Result<void> check_warm_from(const ServeWords& words) {
  if (words.warm_from.empty()) return {};
  const Result<Store> store = parse_store(words.warm_from, words);
  if (!store) return Error{store.error().code, "warm_from: " + store.error().detail};
  if (store->in_bucket) return invalid("warm_from must be a directory: file:///path");
  if (words.ram_bytes == 0u) return invalid("warm_from needs a RAM tier to fill: set ram_bytes");
  return {};
}

Result<void> check_stores(const ServeWords& words) {
  std::set<std::string> places;
  for (const std::string& text : words.stores) {
    const Result<Store> store = parse_store(text, words);
    if (!store) return Error{store.error().code, "stores: " + store.error().detail};
    const std::string place = store->place();
    if (!places.insert(place).second) return invalid("stores: " + place + " is given twice; name each store once");
  }
  return {};
}

Result<OpenedTiers> open_tiers(const ServeWords& words, std::uint64_t ram_bytes, StoreIdentity identity,
                               const std::string& model_name, const StoreDeps& deps) {
  OpenedTiers opened;
  opened.identity = std::move(identity);
  bool chunk_set = words.chunk_tokens != 0, grid_set = words.shard_layers != 0 || words.shard_kv_heads != 0;
  std::vector<struct stat> directories;
  std::map<std::string, std::size_t> same_kind;
  for (const std::string& text : words.stores) {
    CAIRN_TRY(Store store, parse_store(text, words));
    StoreWish wish{opened.identity, chunk_set, grid_set, model_name, std::string("cairn ") + CAIRN_VERSION};
    std::string kind = store.in_bucket ? "s3" : "file";
    const std::size_t same_before = same_kind[kind]++;
    std::unique_ptr<Tier> tier;
    if (store.in_bucket) {
      CAIRN_TRY(OpenedBucket bucket, open_bucket(store, wish, deps));
      opened.identity = bucket.identity;
      opened.descriptions.push_back(store.shown + (bucket.rights.put ? "" : " (read-only)"));
      CAIRN_TRY(tier, S3Tier::open(std::move(bucket), {deps.clock, deps.log}));
    } else {
      const FileTierDeps file_deps{deps.clock, deps.log};
      CAIRN_TRY(OpenedStore directory, open_store(store.file, wish, file_deps));
      CAIRN_TRY_VOID(refuse_twice(store.file.path, directories));
      opened.identity = directory.identity;
      opened.descriptions.push_back(store.shown + (directory.read_only ? " (read-only)" : ""));
      CAIRN_TRY(tier, FileTier::open(store.file, std::move(directory), file_deps));
    }
    chunk_set = grid_set = true;  // the first store decides; the next ones must agree
    opened.fastest_first.push_back(wrapped(std::move(tier), store.throttle, same_before, deps));
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
