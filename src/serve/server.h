// OpenAI HTTP in front of any Generator.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "api/generator.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"
#include "serve/config.h"
#include "serve/probe.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace cairn {

// Borrowed; all outlive the server. The functions run on the I/O thread and are quick.
struct ServerDeps {
  const Tokenizer& tokenizer;
  const Clock& clock;
  Metrics& metrics;
  Log& log;
  std::vector<std::string> model_names;  // at least one; the first is shown, the others are accepted too
  std::string version;
  // Chat messages -> prompt text; unset: the model has no template, chats get a 400.
  std::function<Result<std::string>(const ChatRequest&)> render_chat;
  // Who shares KV with whom; both texts empty must give the zero tag. Unset: the zero tag unless one is given, and
  // then requests with a tenant or salt get a 400.
  std::function<PrincipalTag(std::string_view tenant, std::string_view cache_salt)> principal;
  std::function<void(const RequestSummary&)> on_finished;  // one call a completion request; may be unset
};

class Server {
 public:
  // Listens at once. kInvalid: configuration; kUnavailable: the address.
  static Result<std::unique_ptr<Server>> bind(const ServerConfig& config, Generator& generator, ServerDeps deps);
  ~Server();

  std::string url() const;  // "http://127.0.0.1:8000", with the real port
  // The calling thread serves until `stop` and the drain behind it; returns once no sink can be called any more.
  // Writes config.ready_file first. kTimeout: the generator did not end cancelled requests in time.
  Result<void> serve(std::stop_token stop);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
