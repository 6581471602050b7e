#include "route/proxy_call.h"

#include <algorithm>
#include <utility>

#include "http/headers.h"
#include "http/refusal.h"

namespace cairn {
namespace {

// A slow reader's answer waits at its backend, not here.
constexpr std::uint64_t kPauseBytes = 256 * 1024;

}  // namespace

std::string backend_authorization(const RouterConfig& config, const HttpRequest& request) {
  return config.backend_api_key.empty() ? request.authorization : "Bearer " + config.backend_api_key;
}

ProxyCall::ProxyCall(ProxyShared& shared, std::shared_ptr<HttpExchange> exchange, std::function<void()> ended)
    : shared_(shared),
      exchange_(std::move(exchange)),
      ended_(std::move(ended)),
      body_(std::make_shared<const std::string>(exchange_->request().body)) {
  exchange_->on_gone = [this](GoneReason why) {
    if (asking_ && why == GoneReason::kClosed) shared_.probe.cancelled(tried_.back());
    if (why == GoneReason::kStopping) end_early("the router stopped in the middle of this answer");
    finish();
  };
  exchange_->on_taken = [this] {
    if (std::exchange(paused_, false)) shared_.client.resume(call_);
  };
}

ProxyCall::~ProxyCall() {
  exchange_->on_gone = nullptr;
  exchange_->on_taken = nullptr;
  leave_backend();
}

HttpHeaders ProxyCall::request_headers() const {
  const HttpRequest& request = exchange_->request();
  HttpHeaders headers;
  for (auto& field : end_to_end(request.headers)) {
    const bool own =
        equals_ignoring_case(field.first, "authorization") || equals_ignoring_case(field.first, "x-request-id");
    if (!own) headers.push_back(std::move(field));
  }
  headers.emplace_back("X-Request-Id", request.request_id);
  if (std::string authorization = backend_authorization(shared_.config, request); !authorization.empty())
    headers.emplace_back("Authorization", std::move(authorization));
  return headers;
}

bool ProxyCall::start() { return ask_one(); }

bool ProxyCall::ask_one() {
  const HttpRequest& request = exchange_->request();
  const auto backend = shared_.backends.choose(header_of(request.headers, shared_.config.session_header), tried_);
  if (!backend) return false;
  tried_.push_back(*backend);
  HttpCall call;
  call.origin = shared_.backends.origin(*backend);
  call.method = request.method;
  call.target = request.query.empty() ? request.path : request.path + "?" + request.query;
  call.headers = request_headers();
  if (request.method != "GET" || !body_->empty()) call.body = body_;
  call.head_timeout_ms = shared_.config.head_timeout_ms;
  call.idle_timeout_ms = shared_.config.idle_timeout_ms;
  asked_us_ = shared_.clock.now_us();
  asking_ = true;
  shared_.backends.request_started(*backend);
  call_ = shared_.client.start(std::move(call), *this);
  return true;
}

void ProxyCall::leave_backend() {
  if (!std::exchange(asking_, false)) return;
  shared_.client.cancel(call_);
  shared_.backends.request_ended(tried_.back());
}

void ProxyCall::finish() {
  leave_backend();
  const auto ended = ended_;  // this is destroyed in the call
  ended();
}

void ProxyCall::on_head(const HttpAnswerHead& head) {
  shared_.probe.answered(tried_.back(), head.status, shared_.clock.now_us() - asked_us_);
  if (head.status == 503 && ask_another_instead()) return;
  begun_ = true;
  events_ = header_of(head.headers, "content-type").starts_with("text/event-stream");
  HttpHeaders headers = end_to_end(head.headers);
  if (header_of(headers, "x-request-id").empty()) headers.emplace_back("X-Request-Id", exchange_->request().request_id);
  exchange_->begin_stream({head.status, std::move(headers), head.body_bytes});
}

// A backend that says "not me, not now" (it drains, its queue is full) is no answer while another one can be asked.
bool ProxyCall::ask_another_instead() {
  const BackendId refusing = tried_.back();
  const HttpCallId refused = call_;
  if (tried_.size() > shared_.config.retries_max || !ask_one()) return false;
  shared_.client.cancel(refused);
  shared_.backends.request_ended(refusing);
  shared_.probe.retried(refusing, "status 503");
  return true;
}

void ProxyCall::on_body(std::string_view bytes) {
  exchange_->write(bytes);
  if (!paused_ && exchange_->waiting_bytes() > std::min(kPauseBytes, shared_.stream_pending_bytes_max / 2)) {
    paused_ = true;
    shared_.client.pause(call_);
  }
}

void ProxyCall::on_end(Result<void> end) {
  shared_.backends.request_ended(tried_.back());
  asking_ = false;
  if (!end && !begun_) return gave_no_answer(end.error());
  if (end) {
    exchange_->end_stream();
  } else {
    shared_.probe.broken_off(tried_.back());
    end_early("the backend broke off in the middle of this answer");
  }
  finish();
}

void ProxyCall::gave_no_answer(const Error& why) {
  const BackendId silent = tried_.back();
  shared_.backends.request_not_taken(silent, why);
  // One that took too long may be computing still: another one would only start over, later.
  const bool late = why.code == ErrorCode::kTimeout;
  if (why.code == ErrorCode::kExhausted) {
    shared_.probe.refused("exhausted");
    exchange_->respond(error_response(exchange_->request(), http_error(503, "the router is out of connections")));
    return finish();
  }
  if (!late && tried_.size() <= shared_.config.retries_max && ask_one()) {
    return shared_.probe.retried(silent, why.code == ErrorCode::kCorrupt ? "not HTTP" : "no answer");
  }
  const int status = late ? 504 : 502;
  shared_.probe.refused(late ? "backend_late" : "backend_silent");
  const char* const text = late ? "the backend did not answer in time" : "no backend answered this request";
  exchange_->respond(error_response(exchange_->request(), http_error(status, text)));
  finish();
}

// The client must see that this is not the end of the answer: an event where it reads events, and no proper end.
void ProxyCall::end_early(const char* why) {
  if (!begun_) return exchange_->respond(error_response(exchange_->request(), http_error(503, why)));
  if (events_) exchange_->write("\n\ndata: " + to_json(http_error(502, why)) + "\n\n");
  exchange_->abort_stream();
}

}  // namespace cairn
