#include "route/probe.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

TEST(RouteProbe, EachEventCountsAtItsBackend) {
  const auto metrics = make_metrics();
  RouteProbe probe(*metrics, {"http://a:1", "http://b:2"});
  probe.up(1, true);
  probe.inflight(1, 3);
  probe.answered(1, 429, 20'000);
  probe.retried(1, "no answer");
  probe.broken_off(1);
  probe.cancelled(1);
  probe.refused("unauthenticated");
  probe.connections(4);
  const std::string text = metrics->expose();
  for (const char* line :
       {"cairn_route_backend_up{backend=\"http://b:2\"} 1", "cairn_route_inflight_requests{backend=\"http://b:2\"} 3",
        "cairn_route_answers_total{backend=\"http://b:2\",status=\"429\"} 1",
        "cairn_route_head_seconds_sum{backend=\"http://b:2\"} 0.02",
        "cairn_route_retries_total{backend=\"http://b:2\",reason=\"no answer\"} 1",
        "cairn_route_broken_answers_total{backend=\"http://b:2\"} 1",
        "cairn_route_cancelled_requests_total{backend=\"http://b:2\"} 1",
        "cairn_route_broken_answers_total{backend=\"http://a:1\"} 0",
        "cairn_route_refused_requests_total{reason=\"unauthenticated\"} 1", "cairn_route_connections 4"}) {
    EXPECT_THAT(text, testing::HasSubstr(line));
  }
}

}  // namespace
}  // namespace cairn
