// What is asked of a bucket and what it answers. Values.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "s3/config.h"
#include "s3/transport.h"
#include "s3/verdict.h"

namespace cairn {

enum class S3Op : std::uint8_t {
  kGet,
  kPut,
  kPart,  // of a multipart upload
  kHead,
  kDelete,
  kList,
  kCreateUpload,
  kCompleteUpload,
  kAbortUpload,
  kDeleteMany,
  kListUploads,
};
inline constexpr std::size_t kS3Ops = 11;
std::string_view to_string(S3Op op);
HttpMethod method_of(S3Op op);

struct S3Answer {
  S3Verdict verdict = S3Verdict::kUnavailable;
  ResponseHead head;
  std::string code, message, region;  // of an error's document
  std::string body;                   // of requests without a sink, at most 8 MiB
  std::string detail;                 // one line for people; empty when done
};
S3Answer unanswered(S3Verdict verdict, std::string detail);  // without a response of the service

// Takes the body of a good response (2xx). `begin` before each try, the first included: what came before is void;
// false: give up. The others as in transport.h.
class S3Sink : public ResponseSink {
 public:
  virtual bool begin() = 0;
};

struct S3Request {
  S3Op op = S3Op::kHead;
  std::string key;      // of the object, without the store's prefix; "": the bucket
  std::string query;    // sorted by name, encoded, each name with its '='
  HttpHeaders headers;  // range, if-match, if-none-match, ...: lower case
  std::shared_ptr<BodySource> body;
  std::string payload_sha256;  // lower-case hex, of `body`; empty: signed as unsigned (TLS), or there is no body
  std::shared_ptr<S3Sink> sink;
  Deadline deadline;
  std::function<void()> sent;          // each time it leaves our queue, on the transport's thread; may be empty
  std::function<void(S3Answer)> done;  // once, there too
};

class TextBody final : public BodySource {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  std::size_t read(std::uint64_t offset, std::span<std::byte> into) override;

 private:
  const std::string text_;
};

// What each new object is sent with: type, storage class, the service's own encryption, and the checksum of its bytes.
HttpHeaders object_headers(const S3Config& config, std::string_view crc32c);

}  // namespace cairn
