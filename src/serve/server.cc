#include "serve/server.h"

#include <algorithm>

#include "base/text.h"
#include "http/api_error.h"
#include "http/api_keys.h"
#include "http/inflight.h"
#include "http/refusal.h"
#include "http/server.h"
#include "serve/completion_job.h"
#include "serve/prompts.h"
#include "serve/response_json.h"
#include "serve/routes.h"

namespace cairn {
namespace {

bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return equals_ignoring_case(type, "application/json");
}

}  // namespace

struct Server::Impl final : HttpService {
  Impl(const ServerConfig& settings, Generator& source, ServerDeps dependencies)
      : config(settings),
        generator(source),
        deps(std::move(dependencies)),
        probe(deps.metrics, deps.model_names.front()),
        created_s(deps.clock.unix_time_us() / 1'000'000),
        mailbox(std::make_shared<SinkMailbox>([this] { loop.post([this] { take_mail(); }); })),
        shared{
            generator, deps.tokenizer, deps.clock, probe, mailbox, deps.on_finished, [this](const std::string& tenant) {
              inflight.end(tenant);
            }} {}

  std::optional<HttpResponse> admit(HttpRequest& head) override;
  void handle(std::shared_ptr<HttpExchange> exchange) override;
  HttpResponse refuse(HttpRefusal why, const std::string& detail) override;
  void connections_changed(std::size_t open) override { probe.connections(open); }
  bool busy() const override { return inflight.all() > 0; }

  HttpResponse refusal(const HttpRequest& head, const ApiError& error, const char* reason);
  HttpResponse answer(const Route& route, const HttpRequest& request);
  HttpResponse tokenize(const HttpRequest& request);
  HttpResponse detokenize(const HttpRequest& request);
  void complete(const std::shared_ptr<HttpExchange>& exchange, bool chat);
  std::optional<ApiError> start(const std::shared_ptr<HttpExchange>& exchange, bool chat);
  std::optional<ApiError> check_model(const std::string& model) const;
  ApiResult<PrincipalTag> principal(const std::string& tenant, const std::string& salt) const;
  PromptSource prompts() const {
    return {deps.tokenizer, deps.render_chat, generator.limits(), prompt_bytes_max,
            deps.clock.unix_time_us() / 1'000'000};
  }
  void take_mail();

  const ServerConfig config;
  Generator& generator;
  const ServerDeps deps;
  ApiKeys keys;
  ServeProbe probe;
  const std::int64_t created_s;
  const std::uint64_t prompt_bytes_max = text_bytes_max(deps.tokenizer, generator.limits());
  HttpLoop loop;
  std::unique_ptr<HttpServer> http;
  std::shared_ptr<SinkMailbox> mailbox;
  JobShared shared;
  InflightCounts inflight{config.inflight_requests_max, config.inflight_per_tenant_max};  // sinks that may be called
};

HttpResponse Server::Impl::refusal(const HttpRequest& head, const ApiError& error, const char* reason) {
  probe.refused(reason);
  return error_response(head, error);
}

std::optional<HttpResponse> Server::Impl::admit(HttpRequest& head) {
  name_request(head);
  const Route* route = find_route(head.path);
  const bool open = route != nullptr && route->open;
  if (!keys.empty() && !open) {
    auto tenant = keys.tenant_of(head.authorization);
    if (!tenant)
      return refusal(head, http_error(401, "a valid API key is needed: Authorization: Bearer KEY"), "unauthenticated");
    head.tenant = std::move(*tenant);
  }
  head.authorization.clear();  // nothing behind this line needs the key, nor the headers with it
  head.headers.clear();
  if (route == nullptr)
    return refusal(head, http_error(404, "no such path; see GET /v1/models and POST /v1/completions"), "not_found");
  const bool method_fits = head.method == route->method || (head.method == "HEAD" && route->method == "GET");
  if (!method_fits) {
    auto response =
        refusal(head, http_error(405, std::string(route->path) + " answers " + std::string(route->method)), "method");
    response.headers.emplace_back("Allow", route->method);
    return response;
  }
  if (route->method == "POST" && !head.content_type.empty() && !is_json(head.content_type)) {
    return refusal(head, http_error(415, "the body must be application/json; set the Content-Type header"),
                   "media_type");
  }
  if (http->stopping() && route->id != RouteId::kMetrics)
    return refusal(head, http_error(503, "the server is stopping"), "stopping");
  const bool generates = route->id == RouteId::kCompletions || route->id == RouteId::kChat;
  if (generates && !inflight.fits(head.tenant))
    return refusal(head, http_error(429, "too many requests under way; try again"), "inflight");
  return std::nullopt;
}

HttpResponse Server::Impl::refuse(HttpRefusal why, const std::string& detail) {
  probe.refused(reason_of(why));
  return refusal_response(why, detail, config);
}

void Server::Impl::handle(std::shared_ptr<HttpExchange> exchange) {
  const HttpRequest& request = exchange->request();
  const Route& route = *find_route(request.path);  // admitted
  if (route.id == RouteId::kCompletions || route.id == RouteId::kChat)
    return complete(exchange, route.id == RouteId::kChat);
  HttpResponse response = answer(route, request);
  probe.answered(std::string(route.path), response.status);  // never a client's text: a label has few values
  exchange->respond(std::move(response));
}

HttpResponse Server::Impl::answer(const Route& route, const HttpRequest& request) {
  HttpResponse response;
  response.headers = request_id_header(request);
  switch (route.id) {
    case RouteId::kHealth:
      response.body = R"({"status":"ok"})";
      break;
    case RouteId::kModels:
      response.body = models_body(deps.model_names, created_s, generator.limits().context_tokens_max);
      break;
    case RouteId::kModel: {
      const std::string name = percent_decode(std::string_view(request.path).substr(route.path.size()));
      if (const auto error = check_model(name)) return error_response(request, *error);
      response.body = model_body(name, deps.model_names, created_s, generator.limits().context_tokens_max);
      break;
    }
    case RouteId::kVersion:
      response.body = version_body(deps.version);
      break;
    case RouteId::kMetrics:
      response.content_type = kExpositionType;
      response.body = deps.metrics.expose();
      break;
    case RouteId::kTokenize:
      return tokenize(request);
    case RouteId::kDetokenize:
      return detokenize(request);
    case RouteId::kCompletions:
    case RouteId::kChat:
      break;
  }
  return response;
}

HttpResponse Server::Impl::tokenize(const HttpRequest& request) {
  auto parsed = parse_tokenize_request(request.body);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return error_response(request, *error);
  const auto& wanted = std::get<TokenizeRequest>(parsed);
  if (const auto error = check_model(wanted.model)) return error_response(request, *error);
  auto encoded = encode_for_tokenize(prompts(), wanted);
  if (const auto* error = std::get_if<ApiError>(&encoded)) return error_response(request, *error);
  const auto& tokens = std::get<std::vector<TokenId>>(encoded);
  std::optional<std::vector<std::string>> strings;
  if (wanted.return_strings) {
    strings.emplace();
    for (const TokenId token : tokens) strings->push_back(token_name(std::string(deps.tokenizer.token_bytes(token))));
  }
  return {200, tokenize_body(tokens, strings, generator.limits().context_tokens_max), "application/json",
          request_id_header(request)};
}

HttpResponse Server::Impl::detokenize(const HttpRequest& request) {
  auto parsed = parse_detokenize_request(request.body);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return error_response(request, *error);
  const auto& wanted = std::get<DetokenizeRequest>(parsed);
  if (const auto error = check_model(wanted.model)) return error_response(request, *error);
  if (const auto error = check_tokens(prompts(), wanted.tokens, "tokens")) return error_response(request, *error);
  const DecodeOptions options{false};
  return {200, detokenize_body(deps.tokenizer.decode(wanted.tokens, options)), "application/json",
          request_id_header(request)};
}

std::optional<ApiError> Server::Impl::check_model(const std::string& model) const {
  const auto& names = deps.model_names;
  if (model.empty() || std::find(names.begin(), names.end(), model) != names.end()) return std::nullopt;
  ApiError error =
      http_error(404, "The model `" + model + "` does not exist; this server has `" + names.front() + "`.");
  error.param = "model";
  error.code = "model_not_found";
  return error;
}

ApiResult<PrincipalTag> Server::Impl::principal(const std::string& tenant, const std::string& salt) const {
  if (deps.principal) return deps.principal(tenant, salt);
  if (!tenant.empty() || !salt.empty()) return bad_field("cache_salt", "this server keeps no tenants apart");
  return PrincipalTag{};
}

void Server::Impl::complete(const std::shared_ptr<HttpExchange>& exchange, bool chat) {
  const auto error = start(exchange, chat);
  probe.answered(exchange->request().path, error ? error->status : 200);
  if (error) exchange->respond(error_response(exchange->request(), *error));
}

std::optional<ApiError> Server::Impl::start(const std::shared_ptr<HttpExchange>& exchange, bool chat) {
  const HttpRequest& http_request = exchange->request();
  auto parsed = chat ? parse_chat_request(http_request.body) : parse_completion_request(http_request.body);
  if (auto* error = std::get_if<ApiError>(&parsed)) return std::move(*error);
  JobInput input;
  input.request = std::move(std::get<CompletionRequest>(parsed));
  if (auto error = check_model(input.request.model)) return error;
  if (input.request.prompts.size() > config.prompts_max) {
    return bad_field("prompt", "prompt holds more than " + std::to_string(config.prompts_max) + " prompts");
  }
  auto encoded = encode_prompts(prompts(), input.request);
  if (auto* error = std::get_if<ApiError>(&encoded)) return std::move(*error);
  auto tag = principal(http_request.tenant, input.request.cache_salt);
  if (auto* error = std::get_if<ApiError>(&tag)) return std::move(*error);
  input.principal = std::get<PrincipalTag>(tag);
  input.prompts = std::move(std::get<EncodedPrompts>(encoded).prompts);
  input.output_tokens_max = std::get<EncodedPrompts>(encoded).output_tokens_max;
  const std::size_t sequences = input.prompts.size();
  if (!inflight.fits(http_request.tenant, sequences)) {
    probe.refused("inflight");
    return http_error(429, "too many requests under way; try again");
  }
  const std::string& model = input.request.model.empty() ? deps.model_names.front() : input.request.model;
  input.frame = {random_name(chat ? "chatcmpl-" : "cmpl-"), model,
                 deps.clock.unix_time_us() / 1'000'000,     chat,
                 input.request.sampling.logprobs >= 0,      input.request.return_token_ids};
  input.headers = request_id_header(http_request);
  input.request.prompts.clear();
  input.request.messages.clear();
  const auto job = std::make_shared<CompletionJob>(shared, exchange, std::move(input));
  const std::size_t started = job->start();
  inflight.begin(http_request.tenant, started);
  return std::nullopt;
}

void Server::Impl::take_mail() {
  std::vector<SinkEvent> events = mailbox->take();
  std::vector<std::shared_ptr<CompletionJob>> jobs;  // each once, in order of their first event
  for (SinkEvent& event : events) {
    if (jobs.empty() || jobs.back() != event.job) {
      if (std::find(jobs.begin(), jobs.end(), event.job) == jobs.end()) jobs.push_back(event.job);
    }
    event.job->on_event(event);
  }
  for (const auto& job : jobs) job->flush();
  if (inflight.all() == 0) http->service_idle();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() { impl_->mailbox->close(); }

Result<std::unique_ptr<Server>> Server::bind(const ServerConfig& config, Generator& generator, ServerDeps deps) {
  CAIRN_TRY_VOID(config.validate());
  CAIRN_CHECK(!deps.model_names.empty(), "a served model has a name");
  CAIRN_TRY(ApiKeys keys, ApiKeys::load(config));
  auto impl = std::make_unique<Impl>(config, generator, std::move(deps));
  impl->keys = std::move(keys);
  CAIRN_TRY(impl->http, HttpServer::bind(impl->loop, impl->config, *impl, impl->deps.clock));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::string Server::url() const { return impl_->http->url(); }

Result<void> Server::serve(std::stop_token stop) {
  impl_->deps.log.info("serve.http.ready", {{"url", url()}});
  Result<void> ended;
  {
    const std::stop_callback on_stop(stop, [this] { impl_->http->stop(); });
    ended = impl_->http->run();
  }
  impl_->mailbox->close();
  return ended;
}

}  // namespace cairn
