// A bucket: typed requests with signatures, retries and bounds. Any thread submits; everything else happens on the
// transport's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "s3/address.h"
#include "s3/config.h"
#include "s3/credentials.h"
#include "s3/request.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace cairn {

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
  const S3Config& config() const;
  const S3Address& address() const;
  std::string complaint(const S3Answer& answer) const;  // advice() of it
  Error refusal(const S3Answer& answer) const;          // kUnavailable: it may pass; kInvalid: it will not

  // Blocks; at start and in tools.
  S3Answer ask(S3Request request);
  // Waits until nothing is under way; what is not after `patience_us` is cancelled. Then what the requests held is
  // gone. Never on the transport's thread.
  void drain(std::int64_t patience_us);

 private:
  struct State;
  Transport::Timer later(Deadline at, S3RequestId id, void (State::*work)(S3RequestId));
  const std::shared_ptr<Transport> transport_;
  const std::shared_ptr<State> state_;
};

}  // namespace cairn
