#include "bench/route_bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <thread>
#include <vector>

#include "bench/qa_summary.h"
#include "http/client.h"
#include "http/refusal.h"
#include "http/server.h"
#include "route/router.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace cairn {
namespace {

constexpr std::string_view kToken =
    "data: {\"id\":\"chatcmpl-0\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{"
    "\"index\":0,\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n";

// Streams tokens at an even rate, with no work behind them.
class TokenSource final : public HttpService {
 public:
  TokenSource(HttpLoop& loop, const RouteBenchOptions& options) : options_(options), timer_(loop) {}
  std::optional<HttpResponse> admit(HttpRequest&) override { return std::nullopt; }
  HttpResponse refuse(HttpRefusal why, const std::string& detail) override { return refusal_response(why, detail, {}); }
  void connections_changed(std::size_t) override {}
  bool busy() const override { return false; }
  void handle(std::shared_ptr<HttpExchange> exchange) override {
    if (exchange->request().method == "GET") return exchange->respond({200, "{}"});
    exchange->begin_stream({200, {{"Content-Type", "text/event-stream"}}});
    exchange->write(kToken);
    if (exchange->request().path == "/v1/one") return exchange->end_stream();
    streams_.push_back({std::move(exchange), options_.tokens - 1});
    if (streams_.size() == options_.streams) tick();  // all have begun
  }
  std::uint64_t sent() const { return sent_; }

 private:
  struct Stream {
    std::shared_ptr<HttpExchange> exchange;
    std::uint32_t left;
  };
  // A slice of the streams each turn, so that tokens come evenly and not all at once.
  void tick() {
    constexpr std::size_t kSlices = 10;
    const std::size_t slice = turn_++ % kSlices;
    for (std::size_t i = slice; i < streams_.size(); i += kSlices) {
      Stream& stream = streams_[i];
      if (stream.left == 0) continue;
      stream.exchange->write(kToken);
      ++sent_;
      if (--stream.left == 0) stream.exchange->end_stream();
    }
    timer_.start(std::int64_t{options_.token_interval_ms} * 1000 / kSlices, [this] { tick(); });
  }
  const RouteBenchOptions& options_;
  LoopTimer timer_;
  std::vector<Stream> streams_;
  std::uint64_t turn_ = 0;
  std::atomic<std::uint64_t> sent_{0};
};

struct CpuTime {
  double user_us = 0, kernel_us = 0;
  double total_us() const { return user_us + kernel_us; }
};

CpuTime cpu_of_this_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return {us(usage.ru_utime), us(usage.ru_stime)};
}

// A thread that serves until it is told to stop, and counts its CPU time.
class ServingThread {
 public:
  explicit ServingThread(std::function<void()> serve, std::function<void()> stop)
      : stop_(std::move(stop)), thread_([this, serve = std::move(serve)] {
          serve();
          cpu_ = cpu_of_this_thread();
        }) {}
  ~ServingThread() { finish(); }
  CpuTime finish() {
    if (thread_.joinable()) {
      stop_();
      thread_.join();
    }
    return cpu_;
  }

 private:
  const std::function<void()> stop_;
  CpuTime cpu_;
  std::thread thread_;
};

// Backend and router, running. Everything on ports that the kernel picks.
struct Fleet {
  static Result<std::unique_ptr<Fleet>> start(const RouteBenchOptions& options, const Clock& clock) {
    auto fleet = std::make_unique<Fleet>(options);
    HttpConfig http;
    http.listen = "127.0.0.1:0";
    http.connections_max = options.streams + 100;
    CAIRN_TRY(fleet->server, HttpServer::bind(fleet->loop, http, fleet->source, clock));
    RouterConfig config;
    config.backends = {fleet->server->url()};
    CAIRN_TRY(fleet->router, Router::bind(http, config, {clock, *fleet->metrics, null_log()}));
    Fleet& started = *fleet;
    fleet->serving.emplace([&started] { (void)started.server->run(); }, [&started] { started.server->stop(); });
    fleet->routing.emplace([&started] { (void)started.router->serve(started.stop.get_token()); },
                           [&started] { started.stop.request_stop(); });
    return fleet;
  }
  explicit Fleet(const RouteBenchOptions& options) : source(loop, options) {}
  ~Fleet() {
    routing.reset();
    serving.reset();
  }
  HttpLoop loop;
  TokenSource source;
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<Metrics> metrics = make_metrics();
  std::unique_ptr<Router> router;
  std::stop_source stop;
  std::optional<ServingThread> serving, routing;
};

class CountingSink final : public HttpAnswerSink {
 public:
  CountingSink(const Clock& clock, std::function<void()> ended) : clock_(clock), ended_(std::move(ended)) {}
  void on_head(const HttpAnswerHead& head) override { good_ = head.status == 200; }
  void on_body(std::string_view bytes) override {
    if (bytes_ == 0) first_us_ = clock_.now_us();
    bytes_ += bytes.size();
  }
  void on_end(Result<void> end) override {
    good_ = good_ && end;
    ended_();
  }
  bool good() const { return good_; }
  std::int64_t first_us() const { return first_us_; }
  std::uint64_t tokens() const { return bytes_ / kToken.size(); }

 private:
  const Clock& clock_;
  const std::function<void()> ended_;
  std::int64_t first_us_ = 0;
  std::uint64_t bytes_ = 0;
  bool good_ = false;
};

HttpCall call_to(const std::string& url, const std::string& path, const std::shared_ptr<const std::string>& body) {
  HttpCall call;
  call.origin = parse_origin(url).value();
  call.method = "POST";
  call.target = path;
  call.headers = {{"Content-Type", "application/json"}};
  call.body = body;
  call.head_timeout_ms = call.idle_timeout_ms = 60'000;
  return call;
}

Result<void> measure_latency(const RouteBenchOptions& options, const Clock& clock, RouteBenchReport& report) {
  CAIRN_TRY(const auto fleet, Fleet::start(options, clock));
  const auto body = std::make_shared<const std::string>(options.body_bytes, 'x');
  HttpLoop loop;
  HttpClient client(loop, {});
  const std::string urls[2] = {fleet->server->url(), fleet->router->url()};
  std::vector<double> times[2], added;
  constexpr std::uint32_t kUnmeasured = 20;  // connections are made
  for (std::uint32_t i = 0; i < options.requests + kUnmeasured; ++i) {
    double now_us[2];
    for (const std::size_t way : {i % 2, 1 - i % 2}) {
      CountingSink sink(clock, [&loop] { loop.stop(); });
      const std::int64_t start_us = clock.now_us();
      client.start(call_to(urls[way], "/v1/one", body), sink);
      loop.run();
      loop.restart();
      if (!sink.good() || sink.tokens() != 1) return unavailable("a request of the benchmark was not answered");
      now_us[way] = static_cast<double>(sink.first_us() - start_us);
    }
    if (i < kUnmeasured) continue;
    times[0].push_back(now_us[0]);
    times[1].push_back(now_us[1]);
    added.push_back(now_us[1] - now_us[0]);
  }
  report.direct_us = spread_of(times[0]).p50.value_or(0);
  report.routed_us = spread_of(times[1]).p50.value_or(0);
  report.added_us = spread_of(added).p50.value_or(0);
  return {};
}

Result<void> measure_streams(const RouteBenchOptions& options, const Clock& clock, RouteBenchReport& report) {
  CAIRN_TRY(const auto fleet, Fleet::start(options, clock));
  const auto body = std::make_shared<const std::string>(options.body_bytes, 'x');
  HttpLoop loop;
  HttpClient client(loop, {});
  std::vector<std::unique_ptr<CountingSink>> sinks;
  std::uint32_t open = options.streams;
  const std::int64_t start_us = clock.now_us(), start_cpu_us = thread_cpu_us();
  for (std::uint32_t i = 0; i < options.streams; ++i) {
    sinks.push_back(std::make_unique<CountingSink>(clock, [&] {
      if (--open == 0) loop.stop();
    }));
    client.start(call_to(fleet->router->url(), "/v1/many", body), *sinks.back());
  }
  loop.run();
  const double client_us = static_cast<double>(thread_cpu_us() - start_cpu_us);
  const double elapsed_us = static_cast<double>(clock.now_us() - start_us);
  const CpuTime router = fleet->routing->finish();
  const double backend_us = fleet->serving->finish().total_us();
  report.tokens_sent = fleet->source.sent() + options.streams;
  for (const auto& sink : sinks) {
    if (!sink->good()) return unavailable("a stream of the benchmark did not end well");
    report.tokens_received += sink->tokens();
  }
  const double tokens = static_cast<double>(report.tokens_received);
  report.tokens_per_s = tokens / elapsed_us * 1e6;
  report.router_cpu_us_per_token = router.total_us() / tokens;
  report.router_kernel_share = router.kernel_us / std::max(router.total_us(), 1.0);
  report.client_cpu_us_per_token = client_us / tokens;
  report.backend_cpu_us_per_token = backend_us / tokens;
  return {};
}

}  // namespace

Result<void> RouteBenchOptions::validate() const {
  if (streams < 1 || streams > 10'000) return invalid("streams must be 1 to 10000");
  if (tokens < 2 || tokens > 100'000) return invalid("tokens must be 2 to 100000");
  if (token_interval_ms < 1 || token_interval_ms > 10'000) return invalid("token_interval_ms must be 1 to 10000");
  if (requests < 1 || requests > 1'000'000) return invalid("requests must be 1 to 1000000");
  if (body_bytes < 1 || body_bytes > 1 << 20) return invalid("body_bytes must be 1 to 1048576");
  return {};
}

Result<RouteBenchReport> bench_route(const RouteBenchOptions& options, const Clock& clock) {
  CAIRN_TRY_VOID(options.validate());
  RouteBenchReport report;
  CAIRN_TRY_VOID(measure_latency(options, clock, report));
  CAIRN_TRY_VOID(measure_streams(options, clock, report));
  return report;
}

std::string to_text(const RouteBenchOptions& options, const RouteBenchReport& report) {
  char text[900];
  std::snprintf(
      text, sizeof text,
      "first byte   direct %.0f us, through the router %.0f us, added %.0f us (medians of %u pairs, one "
      "after the other)\n"
      "streams      %u at once, %.0f tokens/s, %llu of %llu tokens arrived\n"
      "CPU a token  router %.1f us (one thread, %.0f %% of it in the kernel), backend %.1f us, client %.1f us\n",
      report.direct_us, report.routed_us, report.added_us, options.requests, options.streams, report.tokens_per_s,
      static_cast<unsigned long long>(report.tokens_received), static_cast<unsigned long long>(report.tokens_sent),
      report.router_cpu_us_per_token, 100 * report.router_kernel_share, report.backend_cpu_us_per_token,
      report.client_cpu_us_per_token);
  return text;
}

}  // namespace cairn
