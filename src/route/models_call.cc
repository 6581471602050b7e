#include "route/models_call.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "http/refusal.h"

namespace cairn {
namespace {

constexpr std::size_t kListBytesMax = 1 << 20;

}  // namespace

std::string merge_models(const std::vector<std::string>& bodies) {
  using nlohmann::json;
  json merged = {{"object", "list"}, {"data", json::array()}};
  std::set<std::string> seen;
  for (const std::string& body : bodies) {
    const json list = json::parse(body, nullptr, false);
    if (!list.is_object() || !list.contains("data") || !list["data"].is_array()) continue;
    for (const json& model : list["data"]) {
      if (!model.is_object() || !model.contains("id") || !model["id"].is_string()) continue;
      if (seen.insert(model["id"].get<std::string>()).second) merged["data"].push_back(model);
    }
  }
  return merged.dump(-1, ' ', false, json::error_handler_t::replace);
}

struct ModelsCall::Part final : HttpAnswerSink {
  explicit Part(ModelsCall& whole) : owner(whole) {}
  ~Part() override {
    if (asking) owner.shared_.client.cancel(call);
  }
  void on_head(const HttpAnswerHead& head) override { status = head.status; }
  void on_body(std::string_view bytes) override {
    if (body.size() + bytes.size() <= kListBytesMax) {
      body += bytes;
      return;
    }
    owner.shared_.client.cancel(call);
    on_end(Error{ErrorCode::kCorrupt, "too long"});
  }
  void on_end(Result<void> end) override {
    asking = false;
    good = end && status == 200;
    owner.part_ended();
  }
  ModelsCall& owner;
  HttpCallId call = 0;
  int status = 0;
  std::string body;
  bool asking = true, good = false;
};

ModelsCall::ModelsCall(ProxyShared& shared, std::shared_ptr<HttpExchange> exchange, std::function<void()> ended)
    : shared_(shared), exchange_(std::move(exchange)), ended_(std::move(ended)) {
  exchange_->on_gone = [this](GoneReason) {
    const auto told = ended_;  // this is destroyed in the call
    told();
  };
}

ModelsCall::~ModelsCall() { exchange_->on_gone = nullptr; }

bool ModelsCall::start() {
  for (BackendId id = 0; id < shared_.backends.size(); ++id) {
    if (!shared_.backends.is_up(id)) continue;
    HttpCall call;
    call.origin = shared_.backends.origin(id);
    call.target = "/v1/models";
    call.headers = request_id_header(exchange_->request());
    if (std::string authorization = backend_authorization(shared_.config, exchange_->request());
        !authorization.empty()) {
      call.headers.emplace_back("Authorization", std::move(authorization));
    }
    call.total_timeout_ms = shared_.config.health_timeout_ms;
    parts_.push_back(std::make_unique<Part>(*this));
    ++waiting_;
    parts_.back()->call = shared_.client.start(std::move(call), *parts_.back());
  }
  return waiting_ > 0;
}

void ModelsCall::part_ended() {
  if (--waiting_ > 0) return;
  std::vector<std::string> bodies;
  for (const auto& part : parts_) {
    if (part->good) bodies.push_back(std::move(part->body));
  }
  if (bodies.empty()) {
    exchange_->respond(error_response(exchange_->request(), http_error(502, "no backend answered with its models")));
  } else {
    exchange_->respond({200, merge_models(bodies), "application/json", request_id_header(exchange_->request())});
  }
  const auto told = ended_;
  told();
}

}  // namespace cairn
