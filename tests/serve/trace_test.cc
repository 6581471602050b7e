// Property: a line is one JSON object that holds the forecast beside what happened, whatever text a client sent.
#include "serve/trace.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace cairn {
namespace {

TEST(Trace, ALineHoldsForecastAndOutcome) {
  RequestSummary summary;
  summary.id = "cmpl-\xff\n\"1";
  summary.path = "/v1/completions";
  summary.finish = "stop";
  summary.use.prompt_tokens = 1526;
  summary.use.computed_tokens = 246;
  summary.use.tier_tokens = {{"ram", 256}, {"file", 1024}};
  summary.use.missed_tokens = {{"tail", 246}};
  summary.use.forecast = {1280, 1280, 0.25, 4.5};
  summary.use.queued_s = 0.125;
  summary.use.load_s = 0.5;
  summary.use.prefill_s = 1;
  summary.ttft_us = 1'250'000;
  summary.total_us = 2'000'000;
  const std::string line = trace_line(summary, 1700000000.5);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const nlohmann::json read = nlohmann::json::parse(line);
  EXPECT_EQ(read["at"], 1700000000.5);
  EXPECT_EQ(read["forecast"]["found_tokens"], 1280);
  EXPECT_EQ(read["forecast"]["planned_tokens"], 1280);
  EXPECT_EQ(read["forecast"]["load_s"], 0.25);
  EXPECT_EQ(read["forecast"]["compute_s"], 4.5);
  EXPECT_EQ(read["happened"]["tier_tokens"]["file"], 1024);
  EXPECT_EQ(read["happened"]["missed_tokens"]["tail"], 246);
  EXPECT_EQ(read["happened"]["load_s"], 0.5);
  EXPECT_EQ(read["happened"]["queued_s"], 0.125);
  EXPECT_EQ(read["ttft_s"], 1.25);
  summary.ttft_us = -1;
  EXPECT_EQ(nlohmann::json::parse(trace_line(summary, 0))["ttft_s"], nullptr) << "no token came";
}

}  // namespace
}  // namespace cairn
