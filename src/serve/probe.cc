#include "serve/probe.h"

#include <cstdio>

namespace cairn {
namespace {

const std::vector<double> kTtftBuckets = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
                                          1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
const std::vector<double> kChoiceBuckets = {1, 2, 5, 10, 20};
const std::vector<double> kTokenBuckets = {.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                                           .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
const std::vector<double> kRequestBuckets = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,  15,
                                             20, 30, 40, 50, 60,  120, 240, 480, 960, 1920};
const std::vector<double> kCountBuckets = {1,    2,    5,    10,    20,    50,    100,    200,   500,
                                           1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000};

double seconds(std::int64_t us) { return static_cast<double>(us) * 1e-6; }

std::string duration(std::int64_t us) {
  char text[32];
  if (us < 0) return "-";
  std::snprintf(text, sizeof text, us < 1'000'000 ? "%.1fms" : "%.2fs",
                us < 1'000'000 ? static_cast<double>(us) / 1e3 : seconds(us));
  return text;
}

}  // namespace

std::string to_line(const RequestSummary& summary) {
  std::string line = "POST " + summary.path + " " + std::to_string(summary.status) + " " + summary.finish;
  line +=
      " prompt=" + std::to_string(summary.use.prompt_tokens) + " device=" + std::to_string(summary.use.device_tokens);
  for (const auto& [tier, tokens] : summary.use.tier_tokens) line += " " + tier + "=" + std::to_string(tokens);
  line += " computed=" + std::to_string(summary.use.computed_tokens);
  line += " output=" + std::to_string(summary.output_tokens);
  line += " ttft=" + duration(summary.ttft_us) + " total=" + duration(summary.total_us);
  if (!summary.tenant.empty()) line += " tenant=" + summary.tenant;
  return line + " id=" + summary.id;
}

struct ServeProbe::Series {
  Series(Metrics& registry, const std::string& model)
      : metrics(registry), labels{{"model_name", model}, {"engine", "0"}} {
    for (const char* reason : {"stop", "length", "abort", "error"}) success(reason);  // there from the start, as zero
  }
  Counter& success(const std::string& reason) {
    Labels more = labels;
    more["finished_reason"] = reason;
    return metrics.counter("vllm:request_success", "sequences ended, by why", more);
  }
  Histogram& seconds_of(const char* name, const char* help, const std::vector<double>& buckets) {
    return metrics.histogram(name, help, buckets, labels);
  }

  Metrics& metrics;
  const Labels labels;
  Gauge& open = metrics.gauge("cairn_serve_connections", "open client connections");
  Gauge& inflight = metrics.gauge("cairn_serve_inflight_requests", "sequences generated or waiting");
  Histogram& ttft =
      seconds_of("vllm:time_to_first_token_seconds", "from the request's header to its first token", kTtftBuckets);
  Histogram& per_token =
      seconds_of("vllm:request_time_per_output_token_seconds", "mean time of a token after the first", kTokenBuckets);
  Histogram& whole =
      seconds_of("vllm:e2e_request_latency_seconds", "from the request's header to its last token", kRequestBuckets);
  Histogram& decode =
      seconds_of("vllm:request_decode_time_seconds", "from the first token to the last", kRequestBuckets);
  Histogram& prompt_sizes =
      metrics.histogram("vllm:request_prompt_tokens", "prompt tokens of a sequence", kCountBuckets, labels);
  Histogram& output_sizes =
      metrics.histogram("vllm:request_generation_tokens", "tokens generated of a sequence", kCountBuckets, labels);
  Histogram& output_limits =
      metrics.histogram("vllm:request_params_max_tokens", "most tokens asked for", kCountBuckets, labels);
  Histogram& choices = metrics.histogram("vllm:request_params_n", "answers asked for", kChoiceBuckets, labels);
};

ServeProbe::ServeProbe(Metrics& metrics, const std::string& model)
    : series_(std::make_unique<Series>(metrics, model)) {}
ServeProbe::~ServeProbe() = default;

void ServeProbe::answered(const std::string& route, int status) {
  series_->metrics
      .counter("cairn_serve_requests", "HTTP requests answered", {{"route", route}, {"code", std::to_string(status)}})
      .add();
}

void ServeProbe::refused(const std::string& reason) {
  series_->metrics
      .counter("cairn_serve_refused", "HTTP requests refused by a limit or by authentication", {{"reason", reason}})
      .add();
}

void ServeProbe::connections(std::size_t open) { series_->open.set(static_cast<double>(open)); }

void ServeProbe::started(std::uint64_t output_tokens_max) {
  series_->inflight.add(1);
  series_->output_limits.observe(static_cast<double>(output_tokens_max));
  series_->choices.observe(1);  // n > 1 is refused
}

void ServeProbe::first_token(std::int64_t ttft_us) { series_->ttft.observe(seconds(ttft_us)); }

void ServeProbe::ended(const Ended& ended) {
  Series& s = *series_;
  s.inflight.add(-1);
  s.success(ended.reason).add();
  s.whole.observe(seconds(ended.total_us));
  s.prompt_sizes.observe(static_cast<double>(ended.prompt_tokens));
  s.output_sizes.observe(static_cast<double>(ended.output_tokens));
  if (ended.output_tokens == 0) return;
  s.decode.observe(seconds(ended.decode_us));
  if (ended.output_tokens > 1)
    s.per_token.observe(seconds(ended.decode_us) / static_cast<double>(ended.output_tokens - 1));
}

void ServeProbe::gone(GoneReason reason) {
  const char* name = reason == GoneReason::kClosed       ? "client_closed"
                     : reason == GoneReason::kSlowReader ? "slow_reader"
                                                         : "stopping";
  series_->metrics.counter("cairn_serve_cancelled", "requests cancelled, by why", {{"reason", name}}).add();
}

}  // namespace cairn
