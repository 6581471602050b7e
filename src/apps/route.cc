// cairn route: one front door for many OpenAI-compatible servers.
#include <cstdio>

#include "apps/signals.h"
#include "apps/verbs.h"
#include "route/router.h"

namespace cairn {
namespace {

int route(const HttpConfig& http, const RouterConfig& config) {
  SignalThread signals;
  const SystemClock clock;
  const std::unique_ptr<Metrics> metrics = make_metrics();
  const std::unique_ptr<Log> log = make_stderr_log(LogLevel::kWarning);
  const Result<std::unique_ptr<Router>> router = Router::bind(http, config, {clock, *metrics, *log});
  if (!router) return fail(router.error());
  std::printf("cairn: %s before %zu backend%s, %s\n", (*router)->url().c_str(), config.backends.size(),
              config.backends.size() == 1 ? "" : "s", std::string(to_string(config.policy)).c_str());
  for (const std::string& url : config.backends) std::printf("cairn:   %s\n", url.c_str());
  std::printf("ready. Try:\n  curl -s %s/v1/models\n", (*router)->url().c_str());
  std::fflush(stdout);
  const Result<void> served = (*router)->serve(signals.token());
  return served ? 0 : fail(served.error());
}

}  // namespace

int run_route(const VerbInput& input) {
  HttpConfig http;
  RouterConfig config;
  OptionSet options;
  options.add("", "Routing", config);
  options.add("server", "Server", http);
  const Parsed parsed = parse(
      options, input,
      {"cairn route --backend URL [--backend URL ...] [options]",
       "One front door for many OpenAI-compatible servers (Cairn, vLLM, ...). Bodies pass through unchanged, "
       "as they come. Backends that are not well are left out until they are again; a request is asked again "
       "elsewhere only while nothing of its answer has come but a 503. /v1/models lists the models of all of them, "
       "/metrics is the router's own, and of the other paths only the API's pass.",
       "cairn route --backend http://127.0.0.1:8001 --backend http://127.0.0.1:8002 --policy session"},
      0);
  return parsed.done ? parsed.status : route(http, config);
}

}  // namespace cairn
