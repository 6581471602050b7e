#include "evict/bucket_files.h"

#include <cstring>
#include <optional>

#include "s3/crc32c.h"
#include "s3/md5.h"
#include "s3/xml.h"
#include "tier/s3_store.h"

namespace cairn {
namespace {

constexpr std::int64_t kAskUs = 60'000'000;
constexpr std::size_t kKeysMax = 1000;  // of one removal

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
    for (std::string from;;) {
      std::string query;
      if (!from.empty()) query = "continuation-token=" + percent_encode(from, false) + "&";
      query += "list-type=2&max-keys=1000&prefix=" + percent_encode(client_->address().key(""), false);
      const S3Answer answer = ask(request(S3Op::kList, "", std::move(query)));
      if (answer.verdict != S3Verdict::kDone) return refusal(answer);
      CAIRN_TRY(const S3Listing listing, parse_listing(answer.body));
      for (const S3Listing::Object& object : listing.objects) {
        const std::optional<std::string> name = name_of(object.key);
        if (name && !visit({*name, object.bytes, object.modified_us})) return {};
      }
      if (listing.next.empty()) return {};
      from = listing.next;
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
    if (answer.verdict != S3Verdict::kDone) return refusal(answer);
    into.swap(body->bytes());
    return true;
  }

  Result<std::uint64_t> remove(std::span<const std::string> paths) override {
    std::uint64_t gone = 0;
    for (; !paths.empty(); paths = paths.subspan(std::min(paths.size(), kKeysMax))) {
      std::vector<std::string> keys;
      for (const std::string& path : paths.first(std::min(paths.size(), kKeysMax))) {
        keys.push_back(client_->address().key(path));
      }
      CAIRN_TRY(const std::uint64_t now, remove_at_once(keys));
      gone += now;
    }
    return gone;
  }

  Result<std::vector<Unfinished>> unfinished() override {
    std::vector<Unfinished> found;
    for (std::string key, id;;) {
      std::string query;
      if (!key.empty()) query = "key-marker=" + percent_encode(key, false) + "&";
      query += "prefix=" + percent_encode(client_->address().key(""), false);
      if (!id.empty()) query += "&upload-id-marker=" + percent_encode(id, false);
      const S3Answer answer = ask(request(S3Op::kListUploads, "", query + "&uploads="));
      // Some services keep no such list, and some users may not see it.
      if (answer.verdict == S3Verdict::kDenied || answer.verdict == S3Verdict::kRefused) return found;
      if (answer.verdict != S3Verdict::kDone) return refusal(answer);
      CAIRN_TRY(const S3Uploads uploads, parse_uploads(answer.body));
      for (const S3Uploads::Upload& upload : uploads.uploads) {
        if (const auto name = name_of(upload.key)) found.push_back({*name, upload.id, upload.begun_us});
      }
      if (uploads.next_key.empty()) return found;
      key = uploads.next_key;
      id = uploads.next_id;
    }
  }

  Result<void> abort(const Unfinished& upload) override {
    const S3Answer answer =
        ask(request(S3Op::kAbortUpload, upload.path, "uploadId=" + percent_encode(upload.id, false)));
    if (answer.verdict != S3Verdict::kDone && answer.verdict != S3Verdict::kMissing) return refusal(answer);
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
  Error refusal(const S3Answer& answer) const { return unavailable(client_->complaint(answer)); }
  std::optional<std::string> name_of(const std::string& key) const {
    const std::string prefix = client_->address().key("");
    if (!key.starts_with(prefix) || key.size() == prefix.size()) return std::nullopt;
    return key.substr(prefix.size());
  }

  // Whole keys. A service without removals of many is asked one by one.
  Result<std::uint64_t> remove_at_once(const std::vector<std::string>& keys) {
    const std::string body = delete_body(keys);
    S3Request many = request(S3Op::kDeleteMany, "", "delete=");
    set_text(many, body, client_->config());
    Crc32c crc;
    crc.update(std::as_bytes(std::span(body.data(), body.size())));
    many.headers = {{"content-type", "application/xml"}, {"x-amz-checksum-crc32c", crc.base64()}};
    if (const std::string md5 = md5_base64(body); !md5.empty()) many.headers.emplace_back("content-md5", md5);
    const S3Answer answer = ask(std::move(many));
    if (answer.verdict == S3Verdict::kRefused) return remove_one_by_one(keys);
    if (answer.verdict != S3Verdict::kDone) return refusal(answer);
    CAIRN_TRY(const S3Deleted deleted, parse_deleted(answer.body));
    if (!deleted.refused.empty()) {
      const S3Deleted::Refused& first = deleted.refused.front();
      return unavailable("cannot remove " + first.key + ": " + first.code + " " + first.message +
                         (deleted.refused.size() > 1
                              ? ", and " + std::to_string(deleted.refused.size() - 1) + " more of this request"
                              : ""));
    }
    return deleted.gone.size();
  }

  Result<std::uint64_t> remove_one_by_one(const std::vector<std::string>& keys) {
    std::uint64_t gone = 0;
    for (const std::string& key : keys) {
      const S3Answer answer = ask(request(S3Op::kDelete, *name_of(key)));
      if (answer.verdict != S3Verdict::kDone && answer.verdict != S3Verdict::kMissing) return refusal(answer);
      ++gone;
    }
    return gone;
  }

  const std::shared_ptr<S3Client> client_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<StoreFiles> bucket_files(std::shared_ptr<S3Client> client, const Clock& clock) {
  return std::make_unique<BucketFiles>(std::move(client), clock);
}

}  // namespace cairn
