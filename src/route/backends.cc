#include "route/backends.h"

#include <algorithm>

namespace cairn {

// Asks one backend again and again how it is.
class Backends::Check final : public HttpAnswerSink {
 public:
  Check(Backends& owner, BackendId id) : owner_(owner), id_(id), timer_(owner.loop_) {}
  ~Check() override { owner_.client_.cancel(call_); }
  void start() {
    HttpCall call;
    call.origin = owner_.origin(id_);
    call.target = "/health";
    call.total_timeout_ms = owner_.config_.health_timeout_ms;
    status_ = 0;
    call_ = owner_.client_.start(std::move(call), *this);
  }

 private:
  static constexpr std::size_t kBodyBytesMax = 64 * 1024;
  void on_head(const HttpAnswerHead& head) override {
    status_ = head.status;
    body_bytes_ = 0;
  }
  void on_body(std::string_view bytes) override {
    body_bytes_ += bytes.size();
    if (body_bytes_ <= kBodyBytesMax) return;
    owner_.client_.cancel(call_);
    on_end(Error{ErrorCode::kCorrupt, "its /health does not end"});
  }
  void on_end(Result<void> end) override {
    call_ = 0;
    const bool good = end && status_ == 200;
    timer_.start(std::int64_t{owner_.config_.health_interval_ms} * 1000, [this] { start(); });
    if (!end && end.error().code == ErrorCode::kExhausted) return owner_.tell_exhausted(end.error());
    owner_.check_ended(id_, good, end ? "/health says " + std::to_string(status_) : end.error().detail);
  }

  Backends& owner_;
  const BackendId id_;
  LoopTimer timer_;
  HttpCallId call_ = 0;
  int status_ = 0;
  std::size_t body_bytes_ = 0;
};

struct Backends::Backend {
  HttpOrigin origin;
  BackendHealth health;
  std::uint32_t inflight = 0;
  std::unique_ptr<Check> check;
};

Backends::Backends(const RouterConfig& config, HttpLoop& loop, HttpClient& client, RouteProbe& probe, Log& log)
    : config_(config), loop_(loop), client_(client), probe_(probe), log_(log) {
  for (const std::string& url : config.backends) {
    const auto id = static_cast<BackendId>(backends_.size());
    const HealthRule rule{config.failures_max, config.successes_min};
    backends_.push_back(std::make_unique<Backend>(parse_origin(url).value(), BackendHealth(rule)));
    probe_.up(id, true);
  }
}
Backends::~Backends() = default;

void Backends::start_checks() {
  for (BackendId id = 0; id < backends_.size(); ++id) {
    backends_[id]->check = std::make_unique<Check>(*this, id);
    backends_[id]->check->start();
  }
}

void Backends::stop_checks() {
  for (const auto& backend : backends_) backend->check.reset();
}

std::size_t Backends::up() const {
  return static_cast<std::size_t>(
      std::count_if(backends_.begin(), backends_.end(), [](const auto& backend) { return backend->health.is_up(); }));
}
bool Backends::is_up(BackendId id) const { return backends_[id]->health.is_up(); }
const HttpOrigin& Backends::origin(BackendId id) const { return backends_[id]->origin; }

std::optional<BackendId> Backends::choose(std::string_view session, std::span<const BackendId> tried) {
  std::vector<BackendLoad> able;
  for (BackendId id = 0; id < backends_.size(); ++id) {
    const bool again = std::find(tried.begin(), tried.end(), id) != tried.end();
    if (!again && backends_[id]->health.is_up()) able.push_back({id, backends_[id]->inflight});
  }
  return choose_backend(config_.policy, {turn_++, session}, able);
}

void Backends::request_started(BackendId id) { probe_.inflight(id, ++backends_[id]->inflight); }
void Backends::request_ended(BackendId id) { probe_.inflight(id, --backends_[id]->inflight); }

void Backends::request_not_taken(BackendId id, const Error& why) {
  const bool was_up = is_up(id);
  if (why.code == ErrorCode::kExhausted) return tell_exhausted(why);
  // One that is only slow is left to its checks.
  if (why.code != ErrorCode::kTimeout) backends_[id]->health.request_not_taken();
  tell(id, was_up, why.detail);
}

void Backends::check_ended(BackendId id, bool succeeded, const std::string& why) {
  const bool was_up = is_up(id);
  BackendHealth& health = backends_[id]->health;
  succeeded ? health.check_succeeded() : health.check_failed();
  tell(id, was_up, why);
}

void Backends::tell_exhausted(const Error& why) {
  log_.error("route.router.exhausted", {{"why", why.detail}, {"remedy", "raise the limit on open files"}});
}

void Backends::tell(BackendId id, bool was_up, const std::string& why) {
  const bool now = is_up(id);
  if (now == was_up) return;
  probe_.up(id, now);
  if (now) {
    log_.warn("route.backend.back", {{"backend", origin(id).authority}, {"up", up()}, {"of", size()}});
  } else {
    log_.warn("route.backend.left_out",
              {{"backend", origin(id).authority}, {"why", why}, {"up", up()}, {"of", size()}});
  }
}

}  // namespace cairn
