#include "s3/client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "s3/concurrency.h"
#include "s3/signer.h"
#include "s3/xml.h"

namespace cairn {
namespace {

constexpr std::size_t kBodyMax = 8 << 20,  // a thousand long keys, each byte of them escaped
    kErrorBodyMax = 16 << 10;
constexpr double kRetryTokensMax = 20, kRetryTokenGain = 0.1;  // a sick service gets one more request in ten, no more
constexpr std::int64_t kSkewUs = 240'000'000;                  // of the clocks, before ours is no longer used
constexpr const char* kTooLate = "the deadline passed before it was sent";

bool is_data(S3Op op) { return op == S3Op::kGet || op == S3Op::kPut || op == S3Op::kPart; }

std::int64_t parse_seconds_us(const std::string& text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  return error == std::errc() && seconds > 0 ? std::min<std::int64_t>(seconds, 3600) * 1'000'000 : 0;
}

// "Sun, 22 Nov 2026 02:00:00 GMT"; 0: nothing like it.
std::int64_t parse_date_us(const std::string& text) {
  std::tm parts{};
  if (::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) return 0;
  return static_cast<std::int64_t>(::timegm(&parts)) * 1'000'000;
}

struct OpMetrics {
  Counter *retries = nullptr, *sent = nullptr, *received = nullptr;
  Histogram* seconds = nullptr;
};

}  // namespace

struct S3Client::State : public std::enable_shared_from_this<State> {
  struct Call;
  struct Attempt;
  // Requests of one kind that share a bound.
  struct Lane {
    std::deque<S3RequestId> waiting;
    std::uint32_t running = 0;
  };

  State(S3Config with, const S3Deps& deps)
      : config(std::move(with)),
        address(config),
        clock(deps.clock),
        log(deps.log),
        metrics(deps.metrics),
        transport(*deps.transport),
        credentials(deps.credentials),
        transfers(config.connections) {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      const Labels labels = {{"op", std::string(to_string(static_cast<S3Op>(i)))}};
      ops[i].retries = &metrics.counter("cairn_s3_retries_total", "Requests sent once more.", labels);
      ops[i].sent = &metrics.counter("cairn_s3_sent_bytes_total", "Bytes of bodies sent.", labels);
      ops[i].received = &metrics.counter("cairn_s3_received_bytes_total", "Bytes of bodies received.", labels);
      ops[i].seconds = &metrics.histogram("cairn_s3_request_seconds", "Time of one try.",
                                          {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30}, labels);
    }
    in_flight = &metrics.gauge("cairn_s3_requests_in_flight", "Requests on the wire.");
    limit = &metrics.gauge("cairn_s3_transfers_max", "Transfers at a time, as found out.");
    show_limit();
  }

  std::shared_ptr<Call> call_of(S3RequestId id);  // null: it was answered
  void start(S3RequestId id);
  // One gauge for all buckets of the process: each adds its own.
  void show_limit() {
    const double now = transfers.limit();
    limit->add(now - std::exchange(shown_limit, now));
  }
  void pump(Lane& lane, std::uint32_t most);
  void pump_all();
  void send(const std::shared_ptr<Call>& call);
  void ended(const std::shared_ptr<Call>& call, Attempt& attempt, const Result<void>& result);
  void answer(const std::shared_ptr<Call>& call, S3Answer answer);
  bool retry(const std::shared_ptr<Call>& call, const S3Answer& answer);
  void cancel(S3RequestId id);
  void expire(S3RequestId id);
  S3Answer read_answer(const Call& call, const Attempt& attempt, const Result<void>& result) const;

  const S3Config config;
  const S3Address address;
  const Clock& clock;
  Log& log;
  Metrics& metrics;
  Transport& transport;  // ends, and its thread with it, before what is on it
  const std::shared_ptr<CredentialKeeper> credentials;
  std::array<OpMetrics, kS3Ops> ops;
  Gauge *in_flight, *limit;

  Mutex mutex;
  S3RequestId last_id CAIRN_GUARDED_BY(mutex) = 0;
  std::map<S3RequestId, std::shared_ptr<Call>> calls CAIRN_GUARDED_BY(mutex);
  std::uint32_t answering CAIRN_GUARDED_BY(mutex) = 0;
  CondVar idle;

  // The transport's thread only.
  Lane data, small;
  Concurrency transfers;
  double retry_tokens = kRetryTokensMax, shown_limit = 0;
  Random jitter{random_u64()};
  std::int64_t skew_us = 0;  // added to our clock
};

struct S3Client::State::Call {
  S3RequestId id = 0;
  S3Request request;
  std::uint32_t attempts = 0;
  bool refreshed = false, reset_clock = false;
  bool cancelled = false;
  Credentials by;
  std::shared_ptr<Attempt> attempt;  // on the wire
  std::atomic<Transport::Timer> expiry{0};
  Transport::Timer next_try = 0;
  Lane& lane_in(State& state) const { return is_data(request.op) ? state.data : state.small; }
};

struct S3Client::State::Attempt final : public Exchange, public ResponseSink {
  Attempt(std::shared_ptr<State> owner, std::shared_ptr<Call> for_call)
      : state(std::move(owner)), call(std::move(for_call)) {}
  ResponseSink& sink() override { return *this; }
  bool on_head(const ResponseHead& with) override {
    head = with;
    good = head.status >= 200 && head.status < 300;
    return !good || !call->request.sink || call->request.sink->on_head(head);
  }
  bool on_bytes(std::span<const std::byte> bytes) override {
    received += bytes.size();
    if (good && call->request.sink) return call->request.sink->on_bytes(bytes);
    const std::size_t most = good ? kBodyMax : kErrorBodyMax;
    const std::size_t room = most - std::min(most, text.size());
    text.append(reinterpret_cast<const char*>(bytes.data()), std::min(room, bytes.size()));
    too_long = bytes.size() > room;
    return !too_long;
  }
  void on_end(Result<void> result) override { state->ended(call, *this, result); }

  const std::shared_ptr<State> state;
  const std::shared_ptr<Call> call;
  ResponseHead head;
  std::string text;
  std::uint64_t received = 0;
  std::int64_t began_us = 0;
  bool good = false, too_long = false;
};

std::shared_ptr<S3Client::State::Call> S3Client::State::call_of(S3RequestId id) {
  MutexLock lock(mutex);
  const auto found = calls.find(id);
  return found == calls.end() ? nullptr : found->second;
}

void S3Client::State::start(S3RequestId id) {
  const std::shared_ptr<Call> call = call_of(id);
  if (!call) return;
  call->lane_in(*this).waiting.push_back(id);
  pump_all();
}

void S3Client::State::pump_all() {
  if (config.connections == 1) {  // one lane at a time, the short one first
    if (data.running == 0) pump(small, 1);
    if (small.running == 0) pump(data, 1);
    return;
  }
  pump(small, config.small_connections);
  pump(data, transfers.limit());
}

void S3Client::State::pump(Lane& lane, std::uint32_t most) {
  while (lane.running < most && !lane.waiting.empty()) {
    const std::shared_ptr<Call> call = call_of(lane.waiting.front());
    lane.waiting.pop_front();
    if (!call) continue;  // cancelled meanwhile
    ++lane.running;
    send(call);
  }
}

void S3Client::State::send(const std::shared_ptr<Call>& call) {
  const S3Request& request = call->request;
  const auto give_up = [&](S3Verdict verdict, std::string detail) {
    --call->lane_in(*this).running;
    answer(call, unanswered(verdict, std::move(detail)));
  };
  if (clock.passed(request.deadline)) return give_up(S3Verdict::kTimeout, kTooLate);
  if (request.sink && !request.sink->begin()) return give_up(S3Verdict::kCancelled, "given up");
  const Result<Credentials> by = credentials->current();
  if (!by) return give_up(S3Verdict::kDenied, by.error().detail);
  call->by = *by;
  auto attempt = std::make_shared<Attempt>(shared_from_this(), call);
  attempt->method = method_of(request.op);
  attempt->headers = request.headers;
  if (config.request_payer) attempt->headers.emplace_back("x-amz-request-payer", "requester");
  if (!config.expected_owner.empty()) {
    attempt->headers.emplace_back("x-amz-expected-bucket-owner", config.expected_owner);
  }
  attempt->body = request.body;
  std::string target = address.path(request.key.empty() ? "" : address.key(request.key));
  if (!request.query.empty()) target += "?" + request.query;
  attempt->url = address.url(target);
  attempt->began_us = clock.now_us();
  attempt->deadline = request.deadline;
  attempt->idle_us = std::int64_t{config.attempt_ms} * 1000;
  ToSign to_sign;
  to_sign.method = attempt->method;
  to_sign.host = address.host();
  to_sign.path_and_query = target;
  to_sign.payload = !request.payload_sha256.empty() ? std::string_view(request.payload_sha256)
                    : request.body                  ? kUnsignedPayload
                                                    : kEmptyPayload;
  to_sign.region = config.region;
  to_sign.unix_us = clock.unix_time_us() + skew_us;
  if (const Result<void> signed_now = sign(to_sign, *by, attempt->headers); !signed_now) {
    return give_up(S3Verdict::kRefused, signed_now.error().detail);
  }
  ++call->attempts;
  call->attempt = attempt;
  if (is_data(request.op)) transfers.on_start(data.running, attempt->began_us);
  if (request.sent) request.sent();
  in_flight->add(1);
  transport.submit(attempt);
}

S3Answer S3Client::State::read_answer(const Call& call, const Attempt& attempt, const Result<void>& result) const {
  S3Answer answer;
  answer.head = attempt.head;
  if (attempt.head.status != 0 && !attempt.good) {  // what it said counts, whole or not
    const S3ErrorText text = parse_error(attempt.text);
    answer.code = text.code, answer.message = text.message;
    answer.region = !text.region.empty() ? text.region : attempt.head.region;
    answer.verdict = verdict_of(attempt.head.status, answer.code);
    answer.detail = "status " + std::to_string(attempt.head.status) + (answer.code.empty() ? "" : " " + answer.code);
    return answer;
  }
  if (!result) {
    const ErrorCode code = result.error().code;
    answer.verdict = attempt.too_long                ? S3Verdict::kRefused
                     : code == ErrorCode::kTimeout   ? S3Verdict::kTimeout
                     : code == ErrorCode::kCancelled ? S3Verdict::kCancelled
                                                     : S3Verdict::kUnavailable;
    answer.detail = attempt.too_long ? "a document without end" : result.error().detail;
    // One try was silent for too long, the request has more time.
    if (answer.verdict == S3Verdict::kTimeout && !clock.passed(call.request.deadline)) {
      answer.verdict = S3Verdict::kUnavailable;
    }
    return answer;
  }
  answer.verdict = S3Verdict::kDone;
  answer.body = attempt.text;
  if (call.request.op == S3Op::kCompleteUpload && !says_completed(attempt.text)) {
    const S3ErrorText text = parse_error(attempt.text);
    answer.verdict = text.code == "PreconditionFailed" ? S3Verdict::kPrecondition : S3Verdict::kUnavailable;
    answer.code = text.code, answer.message = text.message;
    answer.detail = "the upload was not completed" + (text.code.empty() ? "" : ": " + text.code);
  }
  return answer;
}

void S3Client::State::ended(const std::shared_ptr<Call>& call, Attempt& attempt, const Result<void>& result) {
  Lane& lane = call->lane_in(*this);
  --lane.running;
  in_flight->add(-1);
  call->attempt.reset();
  const OpMetrics& op = ops[static_cast<std::size_t>(call->request.op)];
  const std::int64_t now_us = clock.now_us();
  op.seconds->observe(static_cast<double>(now_us - attempt.began_us) * 1e-6);
  op.received->add(static_cast<double>(attempt.received));
  S3Answer answer_now = read_answer(*call, attempt, result);
  const std::string status =
      attempt.head.status != 0 ? std::to_string(attempt.head.status) : std::string(to_string(answer_now.verdict));
  metrics
      .counter("cairn_s3_requests_total", "Requests by what became of them.",
               {{"op", std::string(to_string(call->request.op))}, {"status", status}})
      .add();
  if (answer_now.verdict == S3Verdict::kDone) {
    retry_tokens = std::min(kRetryTokensMax, retry_tokens + kRetryTokenGain);
    const std::uint64_t sent = call->request.body ? call->request.body->size() : 0;
    op.sent->add(static_cast<double>(sent));
    if (is_data(call->request.op)) transfers.on_done(sent + attempt.received, lane.running + 1, now_us);
  } else if (answer_now.verdict == S3Verdict::kThrottled || (!result && result.error().code == ErrorCode::kTimeout)) {
    if (is_data(call->request.op)) transfers.on_throttled(now_us);
  }
  show_limit();
  if (call->cancelled) {
    answer_now.verdict = S3Verdict::kCancelled;
    answer_now.detail = "cancelled";
  }
  if (!retry(call, answer_now)) answer(call, std::move(answer_now));
  pump_all();
}

// The one place that tries again.
bool S3Client::State::retry(const std::shared_ptr<Call>& call, const S3Answer& was) {
  if (call->cancelled || call->attempts >= config.attempts_max) return false;
  std::int64_t wait_us = 0;
  // The answer to a HEAD has no document: its status and date have to do.
  const bool bare = call->request.op == S3Op::kHead && was.code.empty();
  const std::int64_t theirs_us = parse_date_us(was.head.date), ours_us = clock.unix_time_us();
  const bool off = theirs_us != 0 && std::abs(theirs_us - (ours_us + skew_us)) > kSkewUs;
  if ((names_wrong_clock(was.code) || (bare && was.head.status == 403)) && off && !call->reset_clock) {
    call->reset_clock = true;
    const bool ours_is_right = std::abs(theirs_us - ours_us) < kSkewUs;
    if (skew_us == 0) {
      log.warn("s3.clock", {{"ours_ahead_s", (ours_us - theirs_us) / 1'000'000},
                            {"hint", "requests are signed by the service's clock; set ours"}});
    }
    skew_us = ours_is_right ? 0 : theirs_us - ours_us;
  } else if ((names_old_credentials(was.code) || (bare && was.head.status == 400)) && !call->refreshed) {
    call->refreshed = true;
    credentials->refused(call->by);
    wait_us = 1'000'000;  // until new ones are here
  } else if (worth_a_retry(was.verdict)) {
    if (retry_tokens < 1) return false;
    retry_tokens -= 1;
    wait_us = backoff_us(call->attempts + 1, std::int64_t{config.backoff_ms} * 1000, jitter.uniform(),
                         parse_seconds_us(was.head.retry_after));
  } else {
    return false;
  }
  const Deadline at = clock.after_us(wait_us);
  if (at.at_us >= call->request.deadline.at_us) return false;
  ops[static_cast<std::size_t>(call->request.op)].retries->add();
  call->next_try = transport.post(at, [weak = weak_from_this(), id = call->id] {
    if (const auto self = weak.lock()) self->start(id);
  });
  return true;
}

void S3Client::State::answer(const std::shared_ptr<Call>& call, S3Answer answer_now) {
  {
    MutexLock lock(mutex);
    if (calls.erase(call->id) == 0) return;
    ++answering;
  }
  transport.forget(call->expiry);
  transport.forget(call->next_try);
  {
    const S3Request over =
        std::move(call->request);  // the wire may hold the call for a moment longer, not what it held
    call->request = {};
    call->request.op = over.op;
    over.done(std::move(answer_now));
  }
  MutexLock lock(mutex);
  --answering;
  if (calls.empty() && answering == 0) idle.notify_all();
}

void S3Client::State::cancel(S3RequestId id) {
  const std::shared_ptr<Call> call = call_of(id);
  if (!call) return;
  call->cancelled = true;
  if (call->attempt) return transport.cancel(call->attempt);
  answer(call, unanswered(S3Verdict::kCancelled, "cancelled"));  // it waits in a lane or for its next try
}

// It may wait for its turn, or for its next try, longer than it has time. On the wire the transport watches the time.
void S3Client::State::expire(S3RequestId id) {
  const std::shared_ptr<Call> call = call_of(id);
  if (call && !call->attempt) answer(call, unanswered(S3Verdict::kTimeout, kTooLate));
}

S3Client::S3Client(S3Config config, const S3Deps& deps)
    : transport_(deps.transport), state_(std::make_shared<State>(std::move(config), deps)) {}

S3Client::~S3Client() { drain(0); }

const S3Config& S3Client::config() const { return state_->config; }
const S3Address& S3Client::address() const { return state_->address; }

void S3Client::drain(std::int64_t patience_us) {
  std::vector<S3RequestId> late;
  {
    MutexLock lock(state_->mutex);
    while ((!state_->calls.empty() || state_->answering > 0) && state_->idle.wait_for_us(state_->mutex, patience_us)) {
    }
    for (const auto& [id, call] : state_->calls) late.push_back(id);
  }
  for (const S3RequestId id : late) cancel(id);
  MutexLock lock(state_->mutex);
  while (!state_->calls.empty() || state_->answering > 0) state_->idle.wait(state_->mutex);
}

S3RequestId S3Client::submit(S3Request request) {
  auto call = std::make_shared<State::Call>();
  const Deadline deadline = request.deadline;
  call->request = std::move(request);
  {
    MutexLock lock(state_->mutex);
    call->id = ++state_->last_id;
    state_->calls.emplace(call->id, call);
  }
  if (deadline.at_us != Deadline::never().at_us) {
    call->expiry = later(deadline, call->id, &State::expire);  // first: the answer forgets it
  }
  later({0}, call->id, &State::start);
  return call->id;
}

void S3Client::cancel(S3RequestId id) { later({0}, id, &State::cancel); }

// The transport keeps what is posted for as long as it lives, which may be longer than we do.
Transport::Timer S3Client::later(Deadline at, S3RequestId id, void (State::*work)(S3RequestId)) {
  return transport_->post(at, [weak = std::weak_ptr<State>(state_), id, work] {
    if (const std::shared_ptr<State> state = weak.lock()) ((*state).*work)(id);
  });
}

Error S3Client::refusal(const S3Answer& answer) const {
  const bool may_pass = answer.verdict == S3Verdict::kUnavailable || answer.verdict == S3Verdict::kTimeout ||
                        answer.verdict == S3Verdict::kThrottled;
  return {may_pass ? ErrorCode::kUnavailable : ErrorCode::kInvalid, complaint(answer)};
}

std::string S3Client::complaint(const S3Answer& answer) const {
  const S3Config& ours = config();
  const std::string endpoint = ours.endpoint.empty() ? "Amazon S3" : ours.endpoint;
  if (answer.head.status == 0) return "bucket '" + ours.bucket + "' at " + endpoint + ": " + answer.detail;
  return advice({answer.head.status, answer.code, answer.message, answer.region, endpoint, ours.bucket, ours.region});
}

S3Answer S3Client::ask(S3Request request) {
  struct Waiting {
    Mutex mutex;
    CondVar there;
    std::optional<S3Answer> answer CAIRN_GUARDED_BY(mutex);
  };
  const auto waiting = std::make_shared<Waiting>();
  request.done = [waiting](S3Answer answer) {
    MutexLock lock(waiting->mutex);
    waiting->answer = std::move(answer);
    waiting->there.notify_all();
  };
  submit(std::move(request));
  waiting->mutex.lock();
  while (!waiting->answer) waiting->there.wait(waiting->mutex);
  S3Answer answer = std::move(*waiting->answer);
  waiting->mutex.unlock();
  return answer;
}

}  // namespace cairn
