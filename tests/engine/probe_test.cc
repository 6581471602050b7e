// Property: counters of a prompt add up to its tokens, by source and by reason.
#include "engine/probe.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(EngineProbe, SourcesOfAPromptAddUp) {
  const auto metrics = make_metrics();
  EngineProbe probe(*metrics, "m");
  CacheUse use;
  use.prompt_tokens = 100, use.device_tokens = 16, use.computed_tokens = 20;
  use.tier_tokens = {{"ram", 32}, {"file", 32}};
  use.missed_tokens = {{"absent", 20}};
  probe.prompt_done(use, 0.5);
  const Labels labels = {{"engine", "0"}, {"model_name", "m"}};
  const auto value = [&](const char* name, const Labels& with) { return metrics->counter(name, "", with).value(); };
  EXPECT_EQ(value("vllm:prompt_tokens_total", labels), 100);
  EXPECT_EQ(value("vllm:prefix_cache_queries_total", labels), 100);
  EXPECT_EQ(value("vllm:prefix_cache_hits_total", labels), 16);
  EXPECT_EQ(value("vllm:external_prefix_cache_queries_total", labels), 84);
  EXPECT_EQ(value("vllm:external_prefix_cache_hits_total", labels), 64);
  EXPECT_EQ(value("cairn_engine_prompt_tokens_total", {{"source", "file"}}), 32);
  EXPECT_EQ(value("cairn_engine_prompt_tokens_total", {{"source", "computed"}}), 20);
  EXPECT_EQ(value("cairn_engine_missed_tokens_total", {{"reason", "absent"}}), 20);
}

TEST(EngineProbe, EndsAreCountedByReasonAndShownBeforeTheFirst) {
  const auto metrics = make_metrics();
  EngineProbe probe(*metrics, "m");
  EXPECT_NE(metrics->expose().find("finished_reason=\"abort\""), std::string::npos);
  probe.ended("stop", 1.0);
  probe.preempted(2);
  EXPECT_EQ(metrics
                ->counter("vllm:request_success_total", "",
                          {{"engine", "0"}, {"model_name", "m"}, {"finished_reason", "stop"}})
                .value(),
            1);
  EXPECT_EQ(metrics->counter("vllm:num_preemptions_total", "", {{"engine", "0"}, {"model_name", "m"}}).value(), 2);
}

}  // namespace
}  // namespace cairn
