// Property: counters of a prompt add up to its tokens, by source and by reason.
#include "engine/probe.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(EngineProbe, SourcesOfAPromptAddUp) {
  const auto metrics = make_metrics();
  EngineProbe probe(*metrics, "m", {16, 100});
  CacheUse use;
  use.prompt_tokens = 100, use.device_tokens = 16, use.computed_tokens = 20;
  use.tier_tokens = {{"ram", 32}, {"file", 32}};
  use.missed_tokens = {{"absent", 20}};
  use.queued_s = 0.25;
  use.prefill_s = 0.5;
  probe.prompt_done(use);
  const Labels labels = {{"engine", "0"}, {"model_name", "m"}};
  const auto value = [&](const char* name, const Labels& with) { return metrics->counter(name, "", with).value(); };
  EXPECT_EQ(value("vllm:prompt_tokens_total", labels), 100);
  EXPECT_EQ(value("vllm:prefix_cache_queries_total", labels), 100);
  EXPECT_EQ(value("vllm:prefix_cache_hits_total", labels), 16);
  EXPECT_EQ(value("vllm:external_prefix_cache_queries_total", labels), 84);
  EXPECT_EQ(value("vllm:external_prefix_cache_hits_total", labels), 64);
  EXPECT_EQ(value("vllm:prompt_tokens_cached_total", labels), 80);
  double by_source = 0;
  for (const char* source : {"local_cache_hit", "external_kv_transfer", "local_compute"}) {
    by_source +=
        value("vllm:prompt_tokens_by_source_total", {{"engine", "0"}, {"model_name", "m"}, {"source", source}});
  }
  EXPECT_EQ(by_source, 100);
  EXPECT_EQ(value("cairn_engine_prompt_tokens_total", {{"source", "file"}}), 32);
  EXPECT_EQ(value("cairn_engine_prompt_tokens_total", {{"source", "computed"}}), 20);
  EXPECT_EQ(value("cairn_engine_missed_tokens_total", {{"reason", "absent"}}), 20);
}

TEST(EngineProbe, WhoWaitsAddsUpByReason) {
  const auto metrics = make_metrics();
  EngineProbe probe(*metrics, "m", {16, 100});
  probe.state({.running = 2, .waiting = 7, .deferred = 3, .pages_in_use = 0.5});
  const auto value = [&](const char* name, Labels more) {
    more.insert({{"engine", "0"}, {"model_name", "m"}});
    return metrics->gauge(name, "", more).value();
  };
  EXPECT_EQ(value("vllm:num_requests_waiting", {}), 7);
  EXPECT_EQ(value("vllm:num_requests_waiting_by_reason", {{"reason", "capacity"}}), 4);
  EXPECT_EQ(value("vllm:num_requests_waiting_by_reason", {{"reason", "deferred"}}), 3);
  EXPECT_EQ(value("vllm:engine_sleep_state", {{"sleep_state", "awake"}}), 1);
  EXPECT_EQ(value("vllm:engine_sleep_state", {{"sleep_state", "discard_all"}}), 0);
}

TEST(EngineProbe, ThePoolStandsInLabels) {
  const auto metrics = make_metrics();
  EngineProbe probe(*metrics, "m", {16, 100});
  probe.preempted(2);
  EXPECT_NE(
      metrics->expose().find("vllm:cache_config_info{block_size=\"16\",enable_prefix_caching=\"True\",engine=\"0\","
                             "model_name=\"m\",num_gpu_blocks=\"100\"} 1\n"),
      std::string::npos)
      << metrics->expose();
  EXPECT_EQ(metrics->counter("vllm:num_preemptions_total", "", {{"engine", "0"}, {"model_name", "m"}}).value(), 2);
}

}  // namespace
}  // namespace cairn
