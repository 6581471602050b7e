// A bucket: typed requests with signatures, retries and bounds. Any thread submits; everything else happens on the
// transport's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "s3/address.h"
#include "s3/config.h"
#include "s3/credentials.h"
#include "s3/transport.h"
#include "s3/verdict.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

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
};
std::string_view to_string(S3Op op);

struct S3Answer {
  S3Verdict verdict = S3Verdict::kUnavailable;
  ResponseHead head;
  std::string code, message, region;  // of an error's document
  std::string body;                   // of requests without a sink, at most 1 MiB
  std::string detail;                 // one line for people; empty when done
};

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
  std::function<void(S3Answer)> done;  // once, on the transport's thread
};

using S3RequestId = std::uint64_t;

struct S3Deps {
  const Clock& clock;
  Log& log;
  Metrics& metrics;
  std::shared_ptr<Transport> transport;
  std::shared_ptr<CredentialKeeper> credentials;
};

class S3Client {
 public:
  S3Client(S3Config config, const S3Deps& deps);  // region decided
  ~S3Client();  // cancels what is under way and waits; never on the transport's thread
  S3Client(const S3Client&) = delete;
  S3Client& operator=(const S3Client&) = delete;

  S3RequestId submit(S3Request request);
  void cancel(S3RequestId id);  // `done` comes soon, once; nothing when it was called
  const S3Config& config() const { return config_; }
  const S3Address& address() const { return address_; }
  std::string complaint(const S3Answer& answer) const;  // advice() of it

  // Blocks; at start and in tools.
  S3Answer ask(S3Request request);
  // Waits until nothing is under way; what is not after `patience_us` is cancelled. Then what the requests held is
  // gone. Never on the transport's thread.
  void drain(std::int64_t patience_us);

 private:
  struct State;
  void later(Deadline at, S3RequestId id, void (State::*work)(S3RequestId));
  const S3Config config_;
  const S3Address address_;
  const std::shared_ptr<Transport> transport_;
  const std::shared_ptr<State> state_;
};

}  // namespace cairn
