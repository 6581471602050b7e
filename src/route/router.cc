#include "route/router.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "http/api_error.h"
#include "http/api_keys.h"
#include "http/inflight.h"
#include "http/refusal.h"
#include "http/server.h"
#include "route/backends.h"
#include "route/models_call.h"
#include "route/proxy_call.h"

namespace cairn {
namespace {

// A segment that another reader of the path would resolve: "..", "%2e", "//".
bool has_odd_segment(const std::string& path) {
  for (std::size_t at = 0; at != std::string::npos;) {
    const std::size_t end = path.find('/', at + 1);
    const std::string segment = percent_decode(path.substr(at + 1, end == std::string::npos ? end : end - at - 1));
    if (segment == "." || segment == "..") return true;
    if (segment.empty() && end != std::string::npos) return true;
    at = end;
  }
  return false;
}

// Only what clients of the API call is passed on: engines have other routes, for their operators.
bool is_passed_on(const std::string& path) {
  static constexpr std::string_view kOperators[] = {"/v1/load_lora_adapter", "/v1/unload_lora_adapter"};
  if (has_odd_segment(path) || std::find(std::begin(kOperators), std::end(kOperators), path) != std::end(kOperators))
    return false;
  return path.starts_with("/v1/") || path == "/tokenize" || path == "/detokenize" || path == "/version";
}

}  // namespace

struct Router::Impl final : HttpService {
  Impl(const HttpConfig& http_settings, const RouterConfig& settings, const RouterDeps& dependencies, ApiKeys allowed)
      : http(http_settings),
        config(settings),
        deps(dependencies),
        keys(std::move(allowed)),
        probe(deps.metrics, settings.backends),
        client(loop, {.connect_timeout_ms = settings.connect_timeout_ms}),
        backends(config, loop, client, probe, deps.log),
        shared{config, client, backends, probe, deps.clock, http_settings.stream_pending_bytes_max} {}

  std::optional<HttpResponse> admit(HttpRequest& head) override;
  void handle(std::shared_ptr<HttpExchange> exchange) override;
  HttpResponse refuse(HttpRefusal why, const std::string& detail) override;
  void connections_changed(std::size_t open) override { probe.connections(open); }
  bool busy() const override { return false; }  // an exchange that ends takes its call with it

  HttpResponse refusal(const HttpRequest& head, int status, const std::string& text, const char* reason);
  HttpResponse health(const HttpRequest& request) const;
  template <class Call>
  void pass_on(std::shared_ptr<HttpExchange> exchange, std::map<HttpExchange*, std::unique_ptr<Call>>& calls);
  // One of a tenant's requests under way, as long as somebody keeps it; null: there are as many as may be.
  std::shared_ptr<void> seat_of(const std::string& tenant);

  const HttpConfig http;
  const RouterConfig config;
  const RouterDeps deps;
  const ApiKeys keys;
  RouteProbe probe;
  HttpLoop loop;
  HttpClient client;
  Backends backends;
  ProxyShared shared;
  InflightCounts inflight{config.inflight_requests_max, config.inflight_per_tenant_max};
  std::map<HttpExchange*, std::unique_ptr<ProxyCall>> proxied;
  std::map<HttpExchange*, std::unique_ptr<ModelsCall>> models;
  std::unique_ptr<HttpServer> server;
};

HttpResponse Router::Impl::refusal(const HttpRequest& head, int status, const std::string& text, const char* reason) {
  probe.refused(reason);
  return error_response(head, http_error(status, text));
}

std::optional<HttpResponse> Router::Impl::admit(HttpRequest& head) {
  name_request(head);
  const bool open = head.path == "/health";
  if (!keys.empty() && !open) {
    auto tenant = keys.tenant_of(head.authorization);
    if (!tenant) return refusal(head, 401, "a valid API key is needed: Authorization: Bearer KEY", "unauthenticated");
    head.tenant = std::move(*tenant);
    head.authorization.clear();  // this router's key is not its backends'
  }
  if (server->stopping() && head.path != "/metrics") return refusal(head, 503, "the router is stopping", "stopping");
  if (!open && head.path != "/metrics" && !is_passed_on(head.path))
    return refusal(head, 404, "no such path; see GET /v1/models and POST /v1/completions", "not_found");
  const bool own = open || head.path == "/metrics" || head.path == "/v1/models";
  const bool fits = head.method == "GET" || (!own && (head.method == "POST" || head.method == "DELETE"));
  if (!fits) return refusal(head, 405, head.path + " does not answer " + head.method, "method");
  return std::nullopt;
}

HttpResponse Router::Impl::health(const HttpRequest& request) const {
  const bool up = backends.up() > 0;
  const std::string text = "{\"status\":\"" + std::string(up ? "ok" : "no backend is up") +
                           "\",\"backends_up\":" + std::to_string(backends.up()) +
                           ",\"backends\":" + std::to_string(backends.size()) + "}";
  return {up ? 200 : 503, text, "application/json", request_id_header(request)};
}

std::shared_ptr<void> Router::Impl::seat_of(const std::string& tenant) {
  if (!inflight.fits(tenant)) return nullptr;
  inflight.begin(tenant);
  return {this, [tenant](Impl* router) { router->inflight.end(tenant); }};
}

template <class Call>
void Router::Impl::pass_on(std::shared_ptr<HttpExchange> exchange,
                           std::map<HttpExchange*, std::unique_ptr<Call>>& calls) {
  std::shared_ptr<void> seat = seat_of(exchange->request().tenant);
  if (!seat) {
    return exchange->respond(refusal(exchange->request(), 429, "too many requests under way; try again", "inflight"));
  }
  HttpExchange* const key = exchange.get();
  auto call = std::make_unique<Call>(shared, exchange, [&calls, key, seat = std::move(seat)] { calls.erase(key); });
  Call& started = *call;
  calls.emplace(key, std::move(call));
  if (started.start()) return;
  calls.erase(key);
  exchange->respond(refusal(exchange->request(), 503, "no backend is up", "no_backend"));
}

void Router::Impl::handle(std::shared_ptr<HttpExchange> exchange) {
  const HttpRequest& request = exchange->request();
  if (request.path == "/health") return exchange->respond(health(request));
  if (request.path == "/metrics") {
    return exchange->respond({200, deps.metrics.expose(), std::string(kExpositionType), request_id_header(request)});
  }
  if (request.path == "/v1/models") return pass_on(std::move(exchange), models);
  pass_on(std::move(exchange), proxied);
}

HttpResponse Router::Impl::refuse(HttpRefusal why, const std::string& detail) {
  probe.refused(reason_of(why));
  return refusal_response(why, detail, http);
}

Router::Router(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Router::~Router() = default;

Result<std::unique_ptr<Router>> Router::bind(const HttpConfig& http, const RouterConfig& config,
                                             const RouterDeps& deps) {
  CAIRN_TRY_VOID(http.validate());
  CAIRN_TRY_VOID(config.validate());
  CAIRN_TRY(ApiKeys keys, ApiKeys::load(http));
  auto impl = std::make_unique<Impl>(http, config, deps, std::move(keys));
  CAIRN_TRY(impl->server, HttpServer::bind(impl->loop, impl->http, *impl, deps.clock));
  return std::unique_ptr<Router>(new Router(std::move(impl)));
}

std::string Router::url() const { return impl_->server->url(); }

Result<void> Router::serve(std::stop_token stop) {
  const std::stop_callback stopping(stop, [this] { impl_->server->stop(); });
  impl_->loop.post([this] { impl_->backends.start_checks(); });
  Result<void> served = impl_->server->run();
  impl_->backends.stop_checks();
  return served;
}

}  // namespace cairn
