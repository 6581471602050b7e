// Who we are to the service. Found in this order: options, environment, shared files (profile, credential_process,
// assumed role), web identity, container endpoint, instance metadata; fetched again before they end and when the
// service says that they are no good any more. Secrets are in no log and no error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "s3/config.h"

struct aws_credentials;

namespace cairn {

// A share of one set of keys. Copies are cheap; any thread.
class Credentials {
 public:
  Credentials() = default;
  static Credentials of(const std::string& access_key_id, const std::string& secret, const std::string& session_token);
  // Takes over one reference.
  static Credentials adopt(const aws_credentials* held);
  const aws_credentials* get() const { return held_.get(); }
  std::string access_key_id() const;                 // names, does not open
  std::optional<std::int64_t> ends_unix_us() const;  // unset: never

 private:
  std::shared_ptr<const aws_credentials> held_;
};

// Blocks: reads files, runs a program, asks a service. kRefused: there are none, and where they were looked for.
using CredentialSource = std::function<Result<Credentials>()>;
CredentialSource credential_source(const S3Config& config);

// The set in use. A fetch runs on a thread of its own, which may outlive the keeper: a credential_process can hang.
class CredentialKeeper : public std::enable_shared_from_this<CredentialKeeper> {
 public:
  CredentialKeeper(CredentialSource source, const Clock& clock) : source_(std::move(source)), clock_(clock) {}
  // Waits for the first set. At start; kTimeout when none came in time.
  Result<void> load(std::int64_t patience_us);
  Result<Credentials> current();  // never blocks; fetches in the background what is about to end
  // The service refused these: fetch again, at most once in ten seconds.
  void refused(const Credentials& by);

 private:
  void fetch() CAIRN_REQUIRES(mutex_);
  const CredentialSource source_;
  const Clock& clock_;
  Mutex mutex_;
  CondVar changed_;
  Result<Credentials> now_ CAIRN_GUARDED_BY(mutex_) = Error{ErrorCode::kUnavailable, "credentials are being fetched"};
  bool fetching_ CAIRN_GUARDED_BY(mutex_) = false;
  std::int64_t fetched_us_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::uint32_t hanging_ CAIRN_GUARDED_BY(mutex_) = 0;  // threads inside the source
  std::uint64_t last_fetch_ CAIRN_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn
