#include "tier/s3_store.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/random.h"
#include "kv/manifest.h"
#include "kv/sha256.h"
#include "kv/store_path.h"
#include "s3/crc32c.h"
#include "s3/listing_walk.h"

namespace cairn {
namespace {

constexpr std::int64_t kAskUs = 30'000'000;
constexpr std::uint32_t kListedKeys = 500;

// Known to the service, and not allowed; any other denial is about who we are.
bool means_no_right(const S3Answer& answer) {
  return answer.verdict == S3Verdict::kDenied && (answer.code.empty() || answer.code == "AccessDenied");
}

// Small questions at start, one after the other.
class Opening {
 public:
  Opening(S3Client& client, const Clock& clock, Log& log) : client_(client), clock_(clock), log_(log) {}

  Result<std::optional<std::string>> read(const std::string& key);
  S3Answer put(const std::string& key, const std::string& text, bool once);
  S3Answer ask(S3Op op, const std::string& key, const std::string& query = "");
  Result<BucketRights> learn(const std::string& directory);
  Result<std::vector<Manifest>> neighbours(const std::string& model_directory, const BucketRights& rights);
  Result<void> count(const std::string& directory, OpenedBucket& store);

 private:
  S3Client& client_;
  const Clock& clock_;
  Log& log_;
};

S3Answer Opening::ask(S3Op op, const std::string& key, const std::string& query) {
  S3Request request;
  request.op = op;
  request.key = key;
  request.query = query;
  request.deadline = clock_.after_us(kAskUs);
  return client_.ask(std::move(request));
}

S3Answer Opening::put(const std::string& key, const std::string& text, bool once) {
  S3Request request;
  request.op = S3Op::kPut;
  request.key = key;
  request.deadline = clock_.after_us(kAskUs);
  set_text(request, text, client_.config());
  Crc32c crc;
  crc.update(std::as_bytes(std::span(text.data(), text.size())));
  request.headers = object_headers(client_.config(), crc.base64());  // as a block's: what refuses one refuses the other
  if (once) request.headers.emplace_back("if-none-match", "*");
  return client_.ask(std::move(request));
}

// Unset: there is none, or we may not see it.
Result<std::optional<std::string>> Opening::read(const std::string& key) {
  S3Answer answer = ask(S3Op::kGet, key);
  if (answer.verdict == S3Verdict::kDone) return std::optional<std::string>(std::move(answer.body));
  if (answer.verdict == S3Verdict::kMissing) return std::optional<std::string>();
  if (means_no_right(answer)) return std::optional<std::string>();  // what is absent is denied then
  return client_.refusal(answer);
}

// Few for each machine: where nothing can be removed they stay.
std::string own_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return to_hex(sha256(host.data() + ("/" + std::to_string(::getpid() % 8))).bytes.data(), 8);
}

// Right by right, by what happens: no answer's text is trusted.
Result<BucketRights> Opening::learn(const std::string& directory) {
  BucketRights rights;
  const S3Answer absent = ask(S3Op::kGet, directory + "/probe-" + random_hex(8));  // a HEAD would not say why
  if (means_no_right(absent)) {
    rights.list = false;
    log_.warn("tier.s3.no_list", {{"means", "an absent block and a forbidden one look alike"},
                                  {"hint", "allow s3:ListBucket on the bucket"}});
  } else if (absent.verdict != S3Verdict::kMissing) {
    return client_.refusal(absent);
  }
  const std::string probe = directory + "/probe-" + own_name();
  const S3Answer first = put(probe, "{}", false);
  if (means_no_right(first)) {
    rights.put = rights.erase = false;
    log_.warn("tier.s3.read_only", {{"error", client_.complaint(first)}, {"means", "blocks are read, none is stored"}});
    return rights;
  }
  if (first.verdict != S3Verdict::kDone) return client_.refusal(first);
  rights.publish_once = put(probe, "{}", true).verdict == S3Verdict::kPrecondition;
  const S3Answer erased = ask(S3Op::kDelete, probe);
  const S3Answer after = ask(S3Op::kHead, probe);  // an object lock answers well and keeps it
  rights.erase = erased.verdict == S3Verdict::kDone && after.verdict != S3Verdict::kDone;
  if (!rights.erase) {
    log_.warn("tier.s3.no_erase", {{"means", "damaged blocks are remembered and skipped, not removed"},
                                   {"hint", "allow s3:DeleteObject, or let old versions expire"}});
  }
  return rights;
}

Result<std::vector<Manifest>> Opening::neighbours(const std::string& model_directory, const BucketRights& rights) {
  std::vector<Manifest> manifests;
  if (!rights.list) return manifests;
  S3Listing listing;
  CAIRN_TRY_VOID(S3ListingWalk(client_, clock_, {model_directory + "/", true, kListedKeys, kAskUs}).next(listing));
  std::ranges::sort(listing.prefixes);
  if (listing.prefixes.size() > kManifestsMax) listing.prefixes.resize(kManifestsMax);
  const std::size_t skip = client_.address().key("").size();
  for (const std::string& prefix : listing.prefixes) {
    if (prefix.size() <= skip) continue;
    const std::string key = prefix.substr(skip) + std::string(kManifestName);
    CAIRN_TRY(const std::optional<std::string> text, read(key));
    if (!text) continue;
    Result<Manifest> manifest = parse_manifest(*text);
    if (manifest) {
      manifests.push_back(*std::move(manifest));
    } else {
      log_.warn("tier.store.manifest_unreadable", {{"error", manifest.error().detail}, {"object", key}});
    }
  }
  return manifests;
}

Result<void> Opening::count(const std::string& directory, OpenedBucket& store) {
  S3ListingWalk walk(client_, clock_, {directory + "/", false, kListedKeys, kAskUs});
  for (S3Listing part;;) {
    const Result<bool> more = walk.next(part);
    if (!more)
      return Error{more.error().code, more.error().detail + ": leave capacity_bytes unset to open it uncounted"};
    if (!*more) return {};
    for (const S3Listing::Object& object : part.objects) {
      if (!parse_block_name(std::string_view(object.key).substr(object.key.rfind('/') + 1))) continue;
      store.used_bytes += object.bytes;
      ++store.blocks;
    }
  }
}

// An error: the directory is another store's.
Result<bool> is_ours(const std::optional<std::string>& text, const std::string& key, const StoreIdentity& identity) {
  if (!text) return false;
  const Result<Manifest> manifest = parse_manifest(*text);
  if (!manifest) return false;
  if (store_root(manifest->identity) == store_root(identity)) return true;
  return invalid(belongs_to_another(key, identity, manifest->identity) + "; use another prefix");
}

}  // namespace

void set_text(S3Request& request, std::string text, const S3Config& config) {
  if (!config.tls) request.payload_sha256 = to_hex(sha256(text));
  request.body = std::make_shared<TextBody>(std::move(text));
}

Result<OpenedBucket> open_bucket(std::shared_ptr<S3Client> client, const StoreWish& wish, const Clock& clock,
                                 Log& log) {
  CAIRN_TRY_VOID(validate(wish.identity));
  Opening opening(*client, clock, log);
  OpenedBucket store;
  store.client = client;
  store.identity = wish.identity;
  CAIRN_TRY(store.rights, opening.learn(model_slug(wish.identity)));
  CAIRN_TRY(const std::vector<Manifest> manifests, opening.neighbours(model_slug(wish.identity), store.rights));
  store.adopted = adopt(wish, manifests, log, store.identity);
  CAIRN_TRY(const BlockLayout layout, BlockLayout::make(store.identity.layout));
  const StorePath path(store.identity, layout);
  CAIRN_TRY(const std::optional<std::string> own, opening.read(path.manifest()));
  CAIRN_TRY(const bool ours, is_ours(own, path.manifest(), store.identity));
  if (!ours && store.rights.put) {
    const bool once = !own && store.rights.publish_once;  // one that cannot be read makes room
    const S3Answer put =
        opening.put(path.manifest(), write_manifest({store.identity, wish.model_name, wish.created_by}), once);
    if (put.verdict != S3Verdict::kDone && put.verdict != S3Verdict::kPrecondition) return client->refusal(put);
    store.created = put.verdict == S3Verdict::kDone && !own;
  }
  if (client->config().capacity_bytes > 0) CAIRN_TRY_VOID(opening.count(path.directory(), store));
  return store;
}

}  // namespace cairn
