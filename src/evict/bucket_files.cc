#include "evict/bucket_files.h"

#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "s3/crc32c.h"
#include "s3/listing_walk.h"
#include "s3/md5.h"
#include "s3/xml.h"
#include "tier/s3_store.h"

namespace cairn {
namespace {

constexpr std::int64_t kAskUs = 60'000'000;
constexpr std::size_t kKeysMax = 1000;  // of one removal
constexpr std::size_t kUploadsMax = 1'000'000;

// Takes a body of at most the size that was asked for.
class Collected final : public S3Sink {
 public:
  explicit Collected(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  bool begin() override {
    bytes_.clear();
    return true;
  }
  bool on_head(const ResponseHead& head) override {
    if (head.content_length && *head.content_length <= bytes_max_) bytes_.reserve(*head.content_length);
    return true;
  }
  bool on_bytes(std::span<const std::byte> bytes) override {
    if (bytes_.size() + bytes.size() > bytes_max_) return false;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return true;
  }
  std::vector<std::byte>& bytes() { return bytes_; }

 private:
  const std::uint64_t bytes_max_;
  std::vector<std::byte> bytes_;
};

class BucketFiles final : public StoreFiles {
 public:
  BucketFiles(std::shared_ptr<S3Client> client, const Clock& clock) : client_(std::move(client)), clock_(clock) {}

  Result<void> each(const Visit& visit) override {
    S3ListingWalk walk(*client_, clock_, {.prefix = "", .answer_us = kAskUs});
    for (S3Listing part;;) {
      CAIRN_TRY(const bool more, walk.next(part));
      if (!more) return {};
      for (const S3Listing::Object& object : part.objects) {
        const std::optional<std::string> name = name_of(object.key);
        if (name && !visit({*name, object.bytes, object.modified_us})) return {};
      }
    }
  }

  Result<bool> read(const std::string& path, std::uint64_t bytes, std::vector<std::byte>& into) override {
    into.clear();
    if (bytes == 0) return true;
    S3Request get = request(S3Op::kGet, path);
    get.deadline.at_us += static_cast<std::int64_t>(bytes);  // 1 MB/s will do
    get.headers = {{"range", "bytes=0-" + std::to_string(bytes - 1)}};
    const auto body = std::make_shared<Collected>(bytes);
    get.sink = body;
    const S3Answer answer = ask(std::move(get));
    if (answer.verdict == S3Verdict::kMissing) return false;
    if (answer.verdict != S3Verdict::kDone) return client_->refusal(answer);
    into.swap(body->bytes());
    return true;
  }

  Removal remove(std::span<const std::string> paths) override {
    Removal removal;
    for (; !paths.empty(); paths = paths.subspan(std::min(paths.size(), kKeysMax))) {
      remove_at_once(paths.first(std::min(paths.size(), kKeysMax)), removal);
    }
    return removal;
  }

  Result<std::vector<Unfinished>> unfinished() override {
    std::vector<Unfinished> found;
    for (std::string key, id;;) {
      std::string query;
      if (!key.empty()) query = "key-marker=" + percent_encode(key) + "&";
      query += "prefix=" + percent_encode(client_->address().key(""));
      if (!id.empty()) query += "&upload-id-marker=" + percent_encode(id);
      const S3Answer answer = ask(request(S3Op::kListUploads, "", query + "&uploads="));
      // Some services keep no such list, and some users may not see it.
      if (answer.verdict == S3Verdict::kDenied || answer.verdict == S3Verdict::kRefused) return found;
      if (answer.verdict != S3Verdict::kDone) return client_->refusal(answer);
      CAIRN_TRY(const S3Uploads uploads, parse_uploads(answer.body));
      for (const S3Uploads::Upload& upload : uploads.uploads) {
        if (const auto name = name_of(upload.key)) found.push_back({*name, upload.id, upload.begun_us});
      }
      if (uploads.next_key.empty()) return found;
      if ((uploads.next_key == key && uploads.next_id == id) || found.size() > kUploadsMax) {
        return unavailable("the bucket's list of unfinished uploads does not end");
      }
      key = uploads.next_key;
      id = uploads.next_id;
    }
  }

  Result<void> abort(const Unfinished& upload) override {
    const S3Answer answer = ask(request(S3Op::kAbortUpload, upload.path, "uploadId=" + percent_encode(upload.id)));
    if (answer.verdict != S3Verdict::kDone && answer.verdict != S3Verdict::kMissing) return client_->refusal(answer);
    return {};
  }

 private:
  S3Request request(S3Op op, const std::string& path, std::string query = "") const {
    S3Request made;
    made.op = op;
    made.key = path;
    made.query = std::move(query);
    made.deadline = clock_.after_us(kAskUs);
    return made;
  }
  S3Answer ask(S3Request request) { return client_->ask(std::move(request)); }
  std::optional<std::string> name_of(const std::string& key) const {
    const std::string prefix = client_->address().key("");
    if (!key.starts_with(prefix) || key.size() == prefix.size()) return std::nullopt;
    return key.substr(prefix.size());
  }

  // A service without removals of many is asked one by one.
  void remove_at_once(std::span<const std::string> paths, Removal& removal) {
    std::vector<std::string> keys;
    for (const std::string& path : paths) keys.push_back(client_->address().key(path));
    const std::string body = delete_body(keys);
    S3Request many = request(S3Op::kDeleteMany, "", "delete=");
    set_text(many, body, client_->config());
    Crc32c crc;
    crc.update(std::as_bytes(std::span(body.data(), body.size())));
    many.headers = {{"content-type", "application/xml"}, {"x-amz-checksum-crc32c", crc.base64()}};
    if (const std::string md5 = md5_base64(body); !md5.empty()) many.headers.emplace_back("content-md5", md5);
    const S3Answer answer = ask(std::move(many));
    if (answer.verdict == S3Verdict::kRefused) return remove_one_by_one(paths, removal);
    const Result<S3Deleted> deleted =
        answer.verdict == S3Verdict::kDone ? parse_deleted(answer.body) : Result<S3Deleted>(client_->refusal(answer));
    if (!deleted) {
      removal.store_is_gone = deleted.error().code == ErrorCode::kUnavailable;
      for (const std::string& path : paths) removal.refused.push_back({path, deleted.error().detail});
      return;
    }
    std::map<std::string, std::string> refused;
    for (const S3Deleted::Refused& each : deleted->refused) refused[each.key] = each.code + " " + each.message;
    const std::set<std::string> gone(deleted->gone.begin(), deleted->gone.end());
    for (std::size_t i = 0; i < keys.size(); ++i) {  // what it names in neither list was not removed, for all we know
      if (gone.contains(keys[i])) {
        ++removal.gone;
        continue;
      }
      const auto why = refused.find(keys[i]);
      removal.refused.push_back({paths[i], why == refused.end() ? "the service does not say so" : why->second});
    }
  }

  void remove_one_by_one(std::span<const std::string> paths, Removal& removal) {
    for (const std::string& path : paths) {
      if (removal.store_is_gone) {
        removal.refused.push_back({path, "not asked any more"});
        continue;
      }
      const S3Answer answer = ask(request(S3Op::kDelete, path));
      if (answer.verdict == S3Verdict::kDone || answer.verdict == S3Verdict::kMissing) {
        ++removal.gone;
        continue;
      }
      const Error error = client_->refusal(answer);
      removal.store_is_gone = error.code == ErrorCode::kUnavailable;
      removal.refused.push_back({path, error.detail});
    }
  }

  const std::shared_ptr<S3Client> client_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<StoreFiles> bucket_files(std::shared_ptr<S3Client> client, const Clock& clock) {
  return std::make_unique<BucketFiles>(std::move(client), clock);
}

}  // namespace cairn
