// Property: each sequence is counted once at its start and once at its end, and the line of a request holds every
// source.
#include "serve/probe.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

TEST(ServeProbe, EndsAreCountedByReasonAndShownBeforeTheFirst) {
  const auto metrics = make_metrics();
  ServeProbe probe(*metrics, "m");
  const std::string text = metrics->expose();
  for (const char* reason : {"stop", "length", "abort", "error"}) {
    EXPECT_NE(text.find("vllm:request_success_total{engine=\"0\",finished_reason=\"" + std::string(reason) +
                        "\",model_name=\"m\"} 0\n"),
              std::string::npos)
        << text;
  }
  probe.started(5);
  probe.started(5);
  EXPECT_EQ(metrics->gauge("cairn_serve_inflight_requests", "").value(), 2);
  probe.first_token(1000);
  probe.ended({"stop", 10, 3, 2000, 1000});
  probe.ended({"abort", 10, 0, 2000, 0});
  EXPECT_EQ(metrics->gauge("cairn_serve_inflight_requests", "").value(), 0);
  const Labels stopped = {{"model_name", "m"}, {"engine", "0"}, {"finished_reason", "stop"}};
  EXPECT_EQ(metrics->counter("vllm:request_success", "", stopped).value(), 1);
  const std::string after = metrics->expose();
  for (const char* line : {"vllm:time_to_first_token_seconds_count", "vllm:request_decode_time_seconds_count",
                           "vllm:request_time_per_output_token_seconds_count"}) {
    EXPECT_NE(after.find(std::string(line) + "{engine=\"0\",model_name=\"m\"} 1\n"), std::string::npos) << line;
  }
}

TEST(ServeProbe, TheLineNamesEverySource) {
  RequestSummary summary;
  summary.id = "cmpl-1";
  summary.path = "/v1/completions";
  summary.finish = "stop";
  summary.use = {1526, 0, 246, {{"ram", 256}, {"store", 1024}}, {}};
  summary.output_tokens = 16;
  summary.ttft_us = 38'120;
  summary.total_us = 1'510'000;
  EXPECT_EQ(to_line(summary),
            "POST /v1/completions 200 stop prompt=1526 device=0 ram=256 store=1024 computed=246 output=16 ttft=38.1ms "
            "total=1.51s id=cmpl-1");
}

}  // namespace
}  // namespace cairn
