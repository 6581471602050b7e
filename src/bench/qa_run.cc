#include "bench/qa_run.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "bench/qa_call.h"
#include "http/client.h"
#include "http/loop.h"
#include "kv/sha256.h"

namespace cairn {
namespace {

constexpr std::int64_t kTickUs = 100'000;
constexpr std::uint32_t kWarmUpTokens = 100;
constexpr std::uint32_t kMetricsTimeoutMs = 5000;
constexpr std::size_t kDigestBytes = 8;
constexpr std::size_t kRecordsMax = 4'000'000;  // then the run ends as if its time were over

double seconds(std::int64_t us) { return static_cast<double>(us) * 1e-6; }

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// One run, from warm-up to the last answer. Each phase starts the next one when its last call has ended.
class QaRun {
 public:
  QaRun(const QaRunOptions& options, const QaRunDeps& deps, HttpOrigin origin)
      : options_(options),
        deps_(deps),
        origin_(std::move(origin)),
        epoch_us_(deps.clock.unix_time_us() - deps.clock.now_us()),
        client_(loop_, {}),
        timer_(loop_),
        workload_(options.workload) {
    report_.workload = options.workload;
  }

  Result<QaReport> run(std::vector<HttpCall> metrics) {
    metrics_ = std::move(metrics);
    loop_.post([this] { warm_up(); });
    loop_.run();
    if (failure_) return *failure_;
    return std::move(report_);
  }

 private:
  struct Flight {
    std::unique_ptr<ChatCall> call;
    RequestRecord record;
  };
  using Pages = std::vector<TokensBySource>;

  double now_s() const { return seconds(deps_.clock.now_us() + epoch_us_); }
  void say(const std::string& line) const {
    if (deps_.line) deps_.line(line);
  }
  // What shows in the figures as well: only for those who asked for lines.
  void remark(const std::string& line) const {
    if (options_.verbose || options_.log_interval_s) say(line);
  }
  HttpCall chat_call(const std::vector<ChatTurn>& chat, std::uint32_t answer_tokens, const std::string& user) const;

  void warm_up();
  void warm_up_done(const Result<ChatAnswer>& answer);
  void wait_in_warm_up();
  void read_metrics(Pages& pages, std::function<void()> then);
  void begin();
  void turn();
  void send(const QaRequest& request);
  void ended(QaRequestId id, Result<ChatAnswer> answer);
  void end_of_time();
  void drain();
  void cut();
  void finish();
  void tell_progress(QaProgress::Phase phase);
  void tell_interval();

  const QaRunOptions& options_;
  const QaRunDeps& deps_;
  const HttpOrigin origin_;
  const std::int64_t epoch_us_;  // monotonic time to epoch; a clock that is set during the run moves nothing
  std::vector<HttpCall> metrics_;

  HttpLoop loop_;
  HttpClient client_;
  LoopTimer timer_;
  MultiRoundQa workload_;
  QaReport report_;
  std::optional<Error> failure_;
  QaProgress progress_;

  std::vector<std::unique_ptr<ChatCall>> warm_up_calls_, ended_calls_;  // the latter: freed at the next turn
  std::vector<std::unique_ptr<PageCall>> page_calls_;
  std::map<QaRequestId, Flight> flights_;
  std::uint32_t warm_up_left_ = 0;
  std::string warm_up_error_;
  std::size_t pages_left_ = 0;
  Pages before_, after_;
  double start_s_ = 0, last_interval_s_ = 0, drain_start_s_ = 0;
  std::size_t failed_ = 0;
};

HttpCall QaRun::chat_call(const std::vector<ChatTurn>& chat, std::uint32_t answer_tokens,
                          const std::string& user) const {
  HttpCall call;
  call.origin = origin_;
  call.method = "POST";
  call.target = "/chat/completions";
  call.headers = {{"Content-Type", "application/json"}, {"Accept", "text/event-stream"}};
  if (!user.empty()) call.headers.emplace_back("x-user-id", user);
  if (!options_.api_key.empty()) call.headers.emplace_back("Authorization", "Bearer " + options_.api_key);
  call.body = std::make_shared<const std::string>(chat_body(options_, chat, answer_tokens));
  call.head_timeout_ms = call.idle_timeout_ms = static_cast<std::uint32_t>(options_.request_timeout_s * 1e3);
  return call;
}

void QaRun::warm_up() {
  warm_up_left_ = options_.warm_up_chats;
  if (warm_up_left_ == 0) return read_metrics(before_, [this] { begin(); });
  for (std::uint32_t i = 0; i < options_.warm_up_chats; ++i) {
    auto& call = warm_up_calls_.emplace_back(std::make_unique<ChatCall>(client_, deps_.clock));
    call->start(chat_call({{ChatTurn::Role::kUser, warm_up_text(i)}}, kWarmUpTokens, ""),
                [this](const Result<ChatAnswer>& answer) { warm_up_done(answer); });
  }
  wait_in_warm_up();
}

void QaRun::wait_in_warm_up() {
  progress_.in_flight = warm_up_left_;
  tell_progress(QaProgress::Phase::kWarmUp);
  timer_.start(kTickUs, [this] {
    if (!deps_.stop.load()) return wait_in_warm_up();
    for (const auto& call : warm_up_calls_) call->cancel();
    report_.interrupted = true;
    loop_.stop();
  });
}

void QaRun::warm_up_done(const Result<ChatAnswer>& answer) {
  if (!answer) {
    if (++report_.warm_up_failed == options_.warm_up_chats) {
      failure_ = unavailable(options_.base_url + ": no chat of the warm-up was answered: " + answer.error().detail);
      return loop_.stop();
    }
    warm_up_error_ = answer.error().detail;
  }
  if (--warm_up_left_ > 0) return;
  timer_.cancel();
  if (report_.warm_up_failed > 0) {
    remark("warm-up: " + std::to_string(report_.warm_up_failed) + " chats failed, the last one so: " + warm_up_error_);
  }
  read_metrics(before_, [this] { begin(); });
}

void QaRun::read_metrics(Pages& pages, std::function<void()> then) {
  pages.assign(metrics_.size(), {});
  pages_left_ = metrics_.size();
  if (metrics_.empty()) return then();
  const auto next = std::make_shared<std::function<void()>>(std::move(then));
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    auto& call = page_calls_.emplace_back(std::make_unique<PageCall>());
    call->start(client_, metrics_[i], [this, &pages, i, next](const Result<std::string>& page) {
      if (page) pages[i] = prompt_tokens_by_source(*page);
      if (--pages_left_ == 0) (*next)();
    });
  }
}

void QaRun::begin() {
  progress_.in_flight = 0;
  start_s_ = last_interval_s_ = now_s();
  turn();
}

void QaRun::turn() {
  ended_calls_.clear();
  const double now = now_s();
  const MultiRoundQa::Turn turn_now = workload_.tick(now);
  for (const QaRequest& request : turn_now.send) send(request);
  for (const QaLate& late : turn_now.late) {
    remark("user " + std::to_string(late.user_id) + " has waited " + fixed(late.waiting_s, 1) +
           " s for the answer to question " + std::to_string(late.question) + ", and the next one is due");
  }
  tell_progress(QaProgress::Phase::kRunning);
  timer_.start(kTickUs, [this] {
    tell_interval();
    const bool full = report_.records.size() >= kRecordsMax;
    const bool over = full || (options_.time_s > 0 && now_s() - start_s_ > options_.time_s);
    if (full) say("no more rows are kept than " + std::to_string(kRecordsMax) + ": the run ends");
    const bool stopped = !over && deps_.stop.load();
    report_.interrupted = stopped && options_.time_s > 0;  // without an end, to be stopped is how it ends
    over || stopped ? end_of_time() : turn();
  });
}

void QaRun::send(const QaRequest& request) {
  Flight& flight = flights_[request.id];
  flight.call = std::make_unique<ChatCall>(client_, deps_.clock);
  flight.record.user_id = request.user_id;
  flight.record.question = request.question;
  flight.record.launch_s = now_s();  // making the body is part of the answer's time, as in the original
  flight.call->start(
      chat_call(workload_.chat(request.id), options_.workload.answer_tokens, std::to_string(request.user_id)),
      [this, id = request.id](Result<ChatAnswer> answer) { ended(id, std::move(answer)); });
  if (options_.verbose) {
    say("user " + std::to_string(request.user_id) + " asks question " + std::to_string(request.question));
  }
}

void QaRun::ended(QaRequestId id, Result<ChatAnswer> answer) {
  const auto found = flights_.find(id);
  CAIRN_CHECK(found != flights_.end(), "an answer to no request");
  RequestRecord record = std::move(found->second.record);
  ended_calls_.push_back(std::move(found->second.call));
  flights_.erase(found);
  record.finish_s = now_s();
  const std::string who = "user " + std::to_string(record.user_id) + " question " + std::to_string(record.question);
  if (!answer) {
    record.end = RequestRecord::End::kFailed;
    record.error = answer.error().detail;
    if (options_.verbose || failed_ == 0) remark(who + " failed: " + record.error);
    ++failed_;
    workload_.finished(id, std::nullopt);
  } else {
    const std::vector<std::int64_t>& pieces = answer->pieces_us;
    const double first_s = seconds(pieces.front() + epoch_us_);
    record.ttft_s = first_s - record.launch_s;
    record.generation_s = record.finish_s - first_s;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      record.gaps_s.push_back(static_cast<float>(seconds(pieces[i] - pieces[i - 1])));
    }
    record.prompt_tokens = answer->usage->prompt_tokens;
    record.generation_tokens = answer->usage->completion_tokens;
    record.cached_tokens = answer->usage->cached_tokens;
    record.cached_by_tier = answer->usage->cached_by_tier;
    record.answer_digest = to_hex(sha256(answer->text).bytes.data(), kDigestBytes);
    progress_.ttft_sum_s += record.ttft_s;
    ++progress_.finished;
    if (options_.verbose) {
      say(who + ": " + std::to_string(record.prompt_tokens) + " tokens in, " +
          std::to_string(record.generation_tokens) + " out, first after " + fixed(record.ttft_s, 3) + " s, whole " +
          fixed(record.end_to_end_s(), 3) + " s");
    }
    workload_.finished(id, std::move(answer->text));
  }
  report_.records.push_back(std::move(record));
}

void QaRun::end_of_time() {
  drain_start_s_ = now_s();
  drain();
}

void QaRun::drain() {
  ended_calls_.clear();
  tell_progress(QaProgress::Phase::kDraining);
  if (flights_.empty()) return finish();
  if (options_.drain_s && now_s() - drain_start_s_ >= *options_.drain_s) return cut();
  if (deps_.cut != nullptr && deps_.cut->load()) return cut();
  timer_.start(kTickUs / 10, [this] { drain(); });
}

void QaRun::cut() {
  for (auto& [id, flight] : flights_) {
    flight.call->cancel();
    flight.record.end = RequestRecord::End::kInFlight;
    flight.record.finish_s = now_s();
    if (const auto first_us = flight.call->first_piece_us()) {
      flight.record.ttft_s = seconds(*first_us + epoch_us_) - flight.record.launch_s;
    }
    report_.records.push_back(std::move(flight.record));
  }
  flights_.clear();
  finish();
}

void QaRun::finish() {
  const SummaryWindow window = summary_window(report_.records, start_s_, 0, now_s());
  report_.summary = summarise(report_.records, window, options_.workload.qps);
  report_.sessions = workload_.joined();
  read_metrics(after_, [this] {
    for (std::size_t i = 0; i < after_.size(); ++i) {
      if (before_[i].empty() && after_[i].empty()) continue;
      for (const auto& [source, tokens] : counted_between(before_[i], after_[i])) {
        report_.counted_tokens[source] += tokens;
      }
    }
    loop_.stop();
  });
}

void QaRun::tell_progress(QaProgress::Phase phase) {
  progress_.phase = phase;
  progress_.time_s = options_.time_s;
  if (phase != QaProgress::Phase::kWarmUp) {
    progress_.elapsed_s = now_s() - start_s_;
    progress_.failed = failed_;
    progress_.in_flight = flights_.size();
    progress_.sessions = workload_.sessions();
  }
  if (deps_.progress) deps_.progress(progress_);
}

void QaRun::tell_interval() {
  const double now = now_s();
  if (!options_.log_interval_s || now - last_interval_s_ <= *options_.log_interval_s) return;
  const SummaryWindow window = summary_window(report_.records, start_s_, last_interval_s_, now);
  say(to_line(summarise(report_.records, window, options_.workload.qps, flights_.size())));
  last_interval_s_ = now;
}

// "http://host:8000/v1" -> "http://host:8000/metrics"
Result<std::vector<HttpCall>> metrics_calls(const QaRunOptions& options, const HttpOrigin& origin) {
  std::vector<std::string> urls = options.metrics_urls;
  if (urls.empty()) urls.push_back("http://" + origin.authority + "/metrics");
  std::vector<HttpCall> calls;
  for (const std::string& url : urls) {
    HttpCall call;
    CAIRN_TRY(call.origin, parse_origin(url));
    call.target = std::exchange(call.origin.path, "");
    if (call.target.empty()) call.target = "/metrics";
    call.total_timeout_ms = kMetricsTimeoutMs;
    if (!options.api_key.empty()) call.headers.emplace_back("Authorization", "Bearer " + options.api_key);
    calls.push_back(std::move(call));
  }
  return calls;
}

}  // namespace

Result<void> QaRunOptions::validate() const {
  CAIRN_TRY_VOID(workload.validate());
  const auto sane = [](double value, double high) { return std::isfinite(value) && value >= 0 && value <= high; };
  constexpr double kYear = 366.0 * 86'400;
  if (!sane(time_s, kYear)) return invalid("time must be 0 (no end) or more seconds, up to a year");
  if (drain_s && !sane(*drain_s, kYear)) return invalid("drain_time must be 0 or more seconds");
  if (log_interval_s && !(sane(*log_interval_s, kYear) && *log_interval_s > 0)) {
    return invalid("log_interval must be above 0 seconds");
  }
  if (!(sane(request_timeout_s, 4e6) && request_timeout_s >= 0.001)) {
    return invalid("request_timeout must be from 0.001 to 4000000 seconds");
  }
  if (warm_up_chats > 1000) return invalid("warm_up must be at most 1000 chats");
  if (model.empty()) return invalid("model must be named");
  if (const Result<HttpOrigin> origin = parse_origin(base_url); !origin) {
    return invalid("base_url: " + origin.error().detail);
  }
  return {};
}

std::string chat_body(const QaRunOptions& options, const std::vector<ChatTurn>& chat, std::uint32_t answer_tokens) {
  using Json = nlohmann::ordered_json;
  Json messages = Json::array();
  for (const ChatTurn& turn : chat) {
    messages.push_back({{"role", turn.role == ChatTurn::Role::kUser ? "user" : "assistant"}, {"content", turn.text}});
  }
  Json body = {{"model", options.model},
               {"messages", std::move(messages)},
               {"temperature", 0},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}},
               {"max_tokens", answer_tokens}};
  if (options.ignore_eos) body["ignore_eos"] = true;
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_line(const QaProgress& progress) {
  if (progress.phase == QaProgress::Phase::kWarmUp) {
    return "warm-up: " + std::to_string(progress.in_flight) + " chats to come";
  }
  const auto finished = static_cast<double>(progress.finished);
  std::string line = fixed(progress.elapsed_s, 0) + " s";
  if (progress.time_s > 0) line += " of " + fixed(progress.time_s, 0) + " s";
  line += "  " + std::to_string(progress.finished) + " done";
  if (progress.elapsed_s > 0) line += " (" + fixed(finished / progress.elapsed_s, 2) + "/s)";
  line += "  " + std::to_string(progress.in_flight) + " in flight  " + std::to_string(progress.sessions) + " users";
  if (progress.failed > 0) line += "  " + std::to_string(progress.failed) + " failed";
  if (progress.finished > 0) line += "  TTFT " + fixed(progress.ttft_sum_s / finished, 3) + " s";
  if (progress.phase == QaProgress::Phase::kDraining) return line + "  waiting for the last answers";
  if (progress.time_s > 0) line += "  " + fixed(std::fmax(0, progress.time_s - progress.elapsed_s), 0) + " s to go";
  return line;
}

Result<QaReport> run_multi_round_qa(const QaRunOptions& options, const QaRunDeps& deps) {
  CAIRN_TRY_VOID(options.validate());
  CAIRN_TRY(HttpOrigin origin, parse_origin(options.base_url));
  CAIRN_TRY(std::vector<HttpCall> metrics, metrics_calls(options, origin));
  QaRun run(options, deps, std::move(origin));
  return run.run(std::move(metrics));
}

}  // namespace cairn
