#include "engine/probe.h"

namespace cairn {
namespace {

const std::vector<double> kInterTokenSeconds = {.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                                                .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
const std::vector<double> kRequestSeconds = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                             30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
const std::vector<double> kPromptTokens = {1,    2,    5,    10,    20,    50,    100,    200,   500,
                                           1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000};
const std::vector<double> kStepTokens = {1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};

constexpr char kBySource[] = "vllm:prompt_tokens_by_source_total";
constexpr char kBySourceHelp[] = "Prompt tokens by where their KV came from.";

constexpr char kWaitingBy[] = "vllm:num_requests_waiting_by_reason";
constexpr char kWaitingByHelp[] =
    "Requests waiting for room (capacity), or for the cache or their own saves (deferred).";

}  // namespace

EngineProbe::EngineProbe(Metrics& metrics, const std::string& model_name, const Pool& pool)
    : metrics_(metrics),
      labels_({{"model_name", model_name}, {"engine", "0"}}),
      running_(metrics.gauge("vllm:num_requests_running", "Sequences loading or running.", labels_)),
      waiting_(metrics.gauge("vllm:num_requests_waiting", "Requests waiting to be admitted.", labels_)),
      waiting_for_room_(metrics.gauge(kWaitingBy, kWaitingByHelp, with({{"reason", "capacity"}}))),
      deferred_(metrics.gauge(kWaitingBy, kWaitingByHelp, with({{"reason", "deferred"}}))),
      usage_(metrics.gauge("vllm:kv_cache_usage_perc", "Share of device KV pages in use, 0 to 1.", labels_)),
      device_queries_(
          metrics.counter("vllm:prefix_cache_queries_total", "Prompt tokens looked up on the device.", labels_)),
      device_hits_(metrics.counter("vllm:prefix_cache_hits_total", "Prompt tokens found on the device.", labels_)),
      external_queries_(metrics.counter("vllm:external_prefix_cache_queries_total",
                                        "Prompt tokens that the device did not have.", labels_)),
      external_hits_(
          metrics.counter("vllm:external_prefix_cache_hits_total", "Prompt tokens loaded from tiers.", labels_)),
      prompt_tokens_(
          metrics.counter("vllm:prompt_tokens_total", "Prompt tokens of requests that were prefilled.", labels_)),
      cached_tokens_(metrics.counter("vllm:prompt_tokens_cached_total", "Prompt tokens not recomputed.", labels_)),
      generation_tokens_(metrics.counter("vllm:generation_tokens_total", "Tokens generated.", labels_)),
      preemptions_(metrics.counter("vllm:num_preemptions_total", "Sequences that gave up their pages.", labels_)),
      from_device_(metrics.counter(kBySource, kBySourceHelp, with({{"source", "local_cache_hit"}}))),
      from_tiers_(metrics.counter(kBySource, kBySourceHelp, with({{"source", "external_kv_transfer"}}))),
      from_compute_(metrics.counter(kBySource, kBySourceHelp, with({{"source", "local_compute"}}))),
      queued_(
          metrics.histogram("vllm:request_queue_time_seconds", "From arrival to admission.", kRequestSeconds, labels_)),
      prefill_(metrics.histogram("vllm:request_prefill_time_seconds", "From admission to the first token.",
                                 kRequestSeconds, labels_)),
      inference_(metrics.histogram("vllm:request_inference_time_seconds", "From admission to the end.", kRequestSeconds,
                                   labels_)),
      computed_(metrics.histogram("vllm:request_prefill_kv_computed_tokens", "Prompt tokens of a request computed.",
                                  kPromptTokens, labels_)),
      inter_token_(metrics.histogram("vllm:inter_token_latency_seconds", "Between two tokens of a request.",
                                     kInterTokenSeconds, labels_)),
      step_tokens_(
          metrics.histogram("vllm:iteration_tokens_total", "Tokens computed in a step.", kStepTokens, labels_)) {
  metrics
      .gauge("vllm:cache_config_info", "Always 1; the device's KV pages stand in the labels.",
             with({{"block_size", std::to_string(pool.page_tokens)},
                   {"num_gpu_blocks", std::to_string(pool.pages)},
                   {"enable_prefix_caching", "True"}}))
      .set(1);
  for (const char* state : {"awake", "weights_offloaded", "discard_all"}) {
    metrics
        .gauge("vllm:engine_sleep_state", "1 for the engine's state; this one never sleeps.",
               with({{"sleep_state", state}}))
        .set(std::string_view(state) == "awake" ? 1 : 0);
  }
}

Labels EngineProbe::with(Labels more) const {
  more.insert(labels_.begin(), labels_.end());
  return more;
}

void EngineProbe::prompt_done(const CacheUse& use) {
  std::uint64_t loaded = 0;
  const auto from = [&](std::string_view source, std::uint64_t tokens) {
    metrics_
        .counter("cairn_engine_prompt_tokens_total", "Prompt tokens by where they came from.",
                 {{"source", std::string(source)}})
        .add(static_cast<double>(tokens));
  };
  for (const auto& [tier, tokens] : use.tier_tokens) {
    from(tier, tokens);
    loaded += tokens;
  }
  from("device", use.device_tokens);
  from("computed", use.computed_tokens);
  for (const auto& [reason, tokens] : use.missed_tokens) {
    metrics_.counter("cairn_engine_missed_tokens_total", "Prompt tokens computed, by reason.", {{"reason", reason}})
        .add(static_cast<double>(tokens));
  }
  prompt_tokens_.add(static_cast<double>(use.prompt_tokens));
  cached_tokens_.add(static_cast<double>(use.cached_tokens()));
  from_device_.add(static_cast<double>(use.device_tokens));
  from_tiers_.add(static_cast<double>(loaded));
  from_compute_.add(static_cast<double>(use.computed_tokens));
  device_queries_.add(static_cast<double>(use.prompt_tokens));
  device_hits_.add(static_cast<double>(use.device_tokens));
  external_queries_.add(static_cast<double>(use.prompt_tokens - use.device_tokens));
  external_hits_.add(static_cast<double>(loaded));
  computed_.observe(static_cast<double>(use.computed_tokens));
  queued_.observe(use.queued_s);
  prefill_.observe(use.prefill_s);
}

void EngineProbe::token(double seconds_since_last) { inter_token_.observe(seconds_since_last); }
void EngineProbe::generated(std::uint64_t tokens) { generation_tokens_.add(static_cast<double>(tokens)); }
void EngineProbe::ended(double seconds_since_admission) { inference_.observe(seconds_since_admission); }
void EngineProbe::preempted(std::uint64_t sequences) { preemptions_.add(static_cast<double>(sequences)); }
void EngineProbe::step(std::uint32_t tokens) { step_tokens_.observe(tokens); }
void EngineProbe::state(const State& now) {
  running_.set(static_cast<double>(now.running));
  waiting_.set(static_cast<double>(now.waiting));
  waiting_for_room_.set(static_cast<double>(now.waiting - now.deferred));
  deferred_.set(static_cast<double>(now.deferred));
  usage_.set(now.pages_in_use);
}

}  // namespace cairn
