// Property: gauges return to zero when all sequences have ended, and the line of a request holds every source.
#include "serve/probe.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

TEST(ServeProbe, GaugesReturnToZero) {
  const auto metrics = make_metrics();
  ServeProbe probe(*metrics, "m");
  probe.started(5);
  probe.started(5);
  probe.first_token(1000);
  probe.next_tokens(2, 500);
  const Labels labels = {{"model_name", "m"}, {"engine", "0"}};
  EXPECT_EQ(metrics->gauge("vllm:num_requests_running", "", labels).value(), 1);
  EXPECT_EQ(metrics->gauge("vllm:num_requests_waiting", "", labels).value(), 1);
  probe.ended({"stop", true, 10, 3, 0, 2000, 1000});
  probe.ended({"abort", false, 10, 0, 0, 2000, 0});
  EXPECT_EQ(metrics->gauge("vllm:num_requests_running", "", labels).value(), 0);
  EXPECT_EQ(metrics->gauge("vllm:num_requests_waiting", "", labels).value(), 0);
  EXPECT_EQ(metrics->gauge("cairn_serve_inflight_requests", "").value(), 0);
  EXPECT_EQ(metrics->counter("vllm:generation_tokens", "", labels).value(), 3);
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
