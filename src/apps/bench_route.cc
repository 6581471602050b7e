// cairn bench route: what the router adds to a request and to a token.
#include <cstdio>

#include "apps/verbs.h"
#include "bench/route_bench.h"

namespace cairn {

int run_bench_route(const VerbInput& input) {
  RouteBenchOptions bench;
  OptionSet options;
  options.add("", "What to measure", bench);
  const Parsed parsed = parse(
      options, input,
      {"cairn bench route [options]",
       "Starts a backend that only sends, a router before it and a client, each on a thread of its own on the "
       "loopback. "
       "Says what the router adds to the time to the first byte, against the same request straight to the backend, "
       "and how much CPU its one thread takes for a token of many streams at once.",
       "cairn bench route --streams 1000 --tokens 200"},
      0);
  if (parsed.done) return parsed.status;
  const auto report = bench_route(bench, SystemClock());
  if (!report) return fail(report.error());
  std::fputs(to_text(bench, *report).c_str(), stdout);
  return report->tokens_received == report->tokens_sent ? 0 : 1;
}

}  // namespace cairn
