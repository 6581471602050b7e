#include "s3/credentials.h"

#include <aws/auth/credentials.h>
#include <aws/common/error.h>
#include <aws/common/string.h>
#include <aws/http/proxy.h>

#include <thread>
#include <utility>

#include "s3/aws.h"

namespace cairn {
namespace {

constexpr std::int64_t kFetchAgainUs = 10'000'000, kBeforeEndUs = 300'000'000, kFetchPatienceUs = 30'000'000;
constexpr std::uint32_t kHangingMax = 4;

aws_byte_cursor cursor_of(const std::string& text) { return aws_byte_cursor_from_array(text.data(), text.size()); }

std::string text_of(aws_byte_cursor cursor) { return {reinterpret_cast<const char*>(cursor.ptr), cursor.len}; }

// What a provider answers, from one of its threads; outlives a wait that ended.
struct Answer {
  Mutex mutex;
  CondVar there;
  bool done CAIRN_GUARDED_BY(mutex) = false;
  Credentials credentials CAIRN_GUARDED_BY(mutex);
  int error CAIRN_GUARDED_BY(mutex) = 0;
};

void on_answer(aws_credentials* credentials, int error, void* user) {
  const std::unique_ptr<std::shared_ptr<Answer>> answer(static_cast<std::shared_ptr<Answer>*>(user));
  MutexLock lock((*answer)->mutex);
  if (credentials != nullptr) {
    aws_credentials_acquire(credentials);
    (*answer)->credentials = Credentials::adopt(credentials);
  }
  (*answer)->error = error;
  (*answer)->done = true;
  (*answer)->there.notify_all();
}

Result<Credentials> ask(aws_credentials_provider* provider) {
  auto answer = std::make_shared<Answer>();
  auto* user = new std::shared_ptr<Answer>(answer);  // on_answer deletes it
  if (aws_credentials_provider_get_credentials(provider, on_answer, user) != AWS_OP_SUCCESS) {
    delete user;
    return unavailable(std::string("credentials: ") + aws_error_str(aws_last_error()));
  }
  MutexLock lock(answer->mutex);
  while (!answer->done) {
    if (!answer->there.wait_for_us(answer->mutex, kFetchPatienceUs) && !answer->done) {
      return Error{ErrorCode::kTimeout, "credentials: no answer in 30 s"};
    }
  }
  if (answer->credentials.get() != nullptr) return answer->credentials;
  return Error{ErrorCode::kRefused,
               std::string("no credentials in options, environment, shared files, web identity, container or instance "
                           "metadata (") +
                   aws_error_str(answer->error) + "): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"};
}

// A new chain each time: the libraries read files only when a provider is made.
Result<Credentials> fetch_from_chain(const std::string& profile) {
  CAIRN_TRY(const AwsRuntime runtime, aws_runtime());
  proxy_env_var_settings no_proxy{};
  no_proxy.env_var_type = AWS_HPEV_DISABLE;
  aws_credentials_provider_chain_default_options options{};
  options.bootstrap = runtime.bootstrap;
  if (!profile.empty()) options.profile_name_override = cursor_of(profile);  // else AWS_PROFILE, or [default]
  options.proxy_ev_settings = &no_proxy;
  aws_credentials_provider* chain = aws_credentials_provider_new_chain_default(runtime.allocator, &options);
  if (chain == nullptr) return unavailable(std::string("credentials: ") + aws_error_str(aws_last_error()));
  Result<Credentials> credentials = ask(chain);
  aws_credentials_provider_release(chain);
  return credentials;
}

}  // namespace

Credentials Credentials::of(const std::string& access_key_id, const std::string& secret,
                            const std::string& session_token) {
  return adopt(aws_credentials_new(aws_default_allocator(), cursor_of(access_key_id), cursor_of(secret),
                                   cursor_of(session_token), UINT64_MAX));
}

Credentials Credentials::adopt(const aws_credentials* held) {
  Credentials credentials;
  credentials.held_ = {held, [](const aws_credentials* last) { aws_credentials_release(last); }};
  return credentials;
}

std::string Credentials::access_key_id() const { return text_of(aws_credentials_get_access_key_id(held_.get())); }

std::optional<std::int64_t> Credentials::ends_unix_us() const {
  const std::uint64_t seconds = aws_credentials_get_expiration_timepoint_seconds(held_.get());
  if (seconds > std::uint64_t{1} << 40) return std::nullopt;
  return static_cast<std::int64_t>(seconds) * 1'000'000;
}

CredentialSource credential_source(const S3Config& config) {
  if (!config.access_key_id.empty()) {
    return [fixed = Result<Credentials>(Credentials::of(config.access_key_id, config.secret_access_key,
                                                        config.session_token))] { return fixed; };
  }
  return [profile = config.profile] { return fetch_from_chain(profile); };
}

Result<void> CredentialKeeper::load(std::int64_t patience_us) {
  MutexLock lock(mutex_);
  fetch();
  while (fetching_) {
    if (!changed_.wait_for_us(mutex_, patience_us) && fetching_) {
      return Error{ErrorCode::kTimeout, "credentials: a source does not answer"};
    }
  }
  if (!now_) return now_.error();
  return {};
}

Result<Credentials> CredentialKeeper::current() {
  MutexLock lock(mutex_);
  const std::optional<std::int64_t> end = now_ ? now_->ends_unix_us() : std::nullopt;
  const bool ending = end && *end - kBeforeEndUs < clock_.unix_time_us();
  if ((!now_ || ending) && clock_.now_us() - fetched_us_ > kFetchAgainUs) fetch();
  return now_;
}

void CredentialKeeper::refused(const Credentials& by) {
  MutexLock lock(mutex_);
  if (now_ && now_->get() != by.get()) return;  // newer ones are here already
  if (clock_.now_us() - fetched_us_ > kFetchAgainUs) fetch();
}

// A source that hangs is left behind, up to a bound, and asked once more.
void CredentialKeeper::fetch() {
  const std::int64_t now_us = clock_.now_us();
  if (fetching_ && now_us - fetched_us_ < kFetchPatienceUs) return;
  if (hanging_ >= kHangingMax) return;
  fetching_ = true;
  ++hanging_;
  fetched_us_ = now_us;
  std::thread([self = shared_from_this(), number = ++last_fetch_] {
    Result<Credentials> fetched = self->source_();
    MutexLock lock(self->mutex_);
    --self->hanging_;
    if (fetched || !self->now_) self->now_ = std::move(fetched);  // a set that still works stays
    if (number == self->last_fetch_) self->fetching_ = false;
    self->changed_.notify_all();
  }).detach();
}

}  // namespace cairn
