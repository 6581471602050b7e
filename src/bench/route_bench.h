// What the router costs: time added to the first byte of an answer, and CPU per token of many streams at once. Backend,
// router and client are threads of this process on the loopback; the backend only sends, so that the router is what
// is measured. Blocks for seconds.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace cairn {

struct RouteBenchOptions {
  std::uint32_t streams = 1000;
  std::uint32_t tokens = 200;            // of each stream
  std::uint32_t token_interval_ms = 50;  // between two tokens of a stream
  std::uint32_t requests = 2000;         // one after the other: through the router and past it in turn
  std::uint32_t body_bytes = 4096;       // of each request

  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    using C = RouteBenchOptions;
    v.field("streams", &C::streams, "streams at once");
    v.field("tokens", &C::tokens, "tokens of each stream");
    v.field("token_interval_ms", &C::token_interval_ms, "between two tokens of a stream");
    v.field("requests", &C::requests, "requests one after the other, through the router and past it in turn");
    v.field("body_bytes", &C::body_bytes, "bytes of each request");
  }
};

struct RouteBenchReport {
  double direct_us = 0, routed_us = 0;  // median time to the first byte of an answer
  double added_us = 0;                  // median of the differences of neighbours
  std::uint64_t tokens_sent = 0, tokens_received = 0;
  double tokens_per_s = 0;
  double router_cpu_us_per_token = 0;  // of the router's one thread, connections and ends included
  double router_kernel_share = 0;      // of that: in system calls, the receiving side of the loopback included
  double client_cpu_us_per_token = 0;
  double backend_cpu_us_per_token = 0;
};

Result<RouteBenchReport> bench_route(const RouteBenchOptions& options, const Clock& clock);
std::string to_text(const RouteBenchOptions& options, const RouteBenchReport& report);

}  // namespace cairn
