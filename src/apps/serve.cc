// cairn serve MODEL_DIR: starts the stack, puts the server in front, and takes both down in order at SIGTERM.
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "apps/machine.h"
#include "apps/signals.h"
#include "apps/stack.h"
#include "apps/verbs.h"
#include "http/api_keys.h"
#include "http/server.h"
#include "kv/keys.h"
#include "serve/server.h"
#include "serve/trace.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace cairn {
namespace {

LogLevel level_of(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  return name == "error" ? LogLevel::kError : LogLevel::kWarning;
}

// "models/SmolLM2-135M-Instruct/" -> "SmolLM2-135M-Instruct"
std::string name_of(const std::string& model_dir) {
  const std::filesystem::path path = std::filesystem::absolute(model_dir).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

// Says what a model directory is before any file of it is missed.
Result<void> check_model_dir(const std::string& model_dir) {
  std::error_code ignored;
  if (std::filesystem::exists(model_dir + "/config.json", ignored)) return {};
  const bool file = std::filesystem::is_regular_file(model_dir, ignored);
  const bool there = std::filesystem::exists(model_dir, ignored);
  return invalid(model_dir +
                 (file    ? " is a file"
                  : there ? " has no config.json"
                          : " does not exist") +
                 "; a model is a directory with config.json, tokenizer.json and *.safetensors" +
                 (file ? ": cairn model import makes one of a GGUF file" : ""));
}

// A budget that does not fit is told before the model is read, in the words of who gave it.
Result<void> check_ram(const OptionSet& options, std::uint64_t ram_bytes) {
  const auto& all = options.options();
  const auto ram = std::ranges::find(all, "ram_bytes", &Option::name);
  if (ram->origin.kind == Origin::Kind::kDefault) return {};
  const Result<void> fits = check_memory("ram_bytes", ram_bytes);
  if (fits) return {};
  return Error{fits.error().code, ram->origin.where + ": " + fits.error().detail};
}

// What the server would only find out after the model is loaded.
Result<void> check_server_files(const ServerConfig& server) {
  const Result<ApiKeys> keys = ApiKeys::load(server);
  if (!keys) return keys.error();
  return check_ready_file(server.ready_file);
}

std::string fingerprint_cache(const Variables& variables) {
  const std::string home = variable_or(variables, "HOME", "");
  const std::string cache = variable_or(variables, "XDG_CACHE_HOME", home.empty() ? "" : home + "/.cache");
  if (cache.empty()) return "";
  std::error_code ignored;
  std::filesystem::create_directories(cache + "/cairn", ignored);  // failing to cache is no error
  return cache + "/cairn/fingerprints";
}

void print_ready(const std::string& url, const std::string& model, const Stack& stack, const ServeOptions& options) {
  std::string tiers = "device " + format_bytes(options.engine.device_kv_bytes);
  for (const std::string& tier : stack.tiers()) tiers += ", " + tier;
  std::printf("cairn: %s on %s\n", model.c_str(), url.c_str());
  std::printf("cairn: KV tiers: %s\n", tiers.c_str());
  std::printf("cairn: kernels %.*s, class %.*s, %u threads\n", static_cast<int>(stack.forward().isa().size()),
              stack.forward().isa().data(), static_cast<int>(stack.forward().numerics_class().size()),
              stack.forward().numerics_class().data(), stack.forward().threads());
  std::printf(
      "ready. Try:\n  curl -s %s/v1/chat/completions -H 'Content-Type: application/json' -d '{\"model\": \"%s\", "
      "\"messages\": [{\"role\": \"user\", \"content\": \"What is the capital of France?\"}]}'\n",
      url.c_str(), model.c_str());
  std::fflush(stdout);
}

struct Texts {
  std::unique_ptr<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat;
};

Result<Texts> load_texts(const std::string& model_dir) {
  Texts texts;
  CAIRN_TRY(texts.tokenizer, Tokenizer::load(model_dir));
  if (!texts.tokenizer->chat_template().empty()) {
    CAIRN_TRY(ChatTemplate parsed, ChatTemplate::parse(texts.tokenizer->chat_template()));
    texts.chat.emplace(std::move(parsed));
  }
  return texts;
}

Result<std::ofstream> open_trace(const std::string& path) {
  std::ofstream trace;
  if (path.empty()) return trace;
  std::error_code ignored;
  // Opening a pipe would wait for its reader.
  if (!std::filesystem::is_fifo(path, ignored)) trace.open(path, std::ios::binary | std::ios::app);
  if (!trace.is_open()) return invalid("trace: " + path + ": cannot write there; it must be a file, or not exist yet");
  return trace;
}

ServerDeps server_deps(const Texts& texts, const StackDeps& deps, const std::string& model, std::ofstream& trace) {
  ServerDeps server{*texts.tokenizer, deps.clock, deps.metrics, deps.log, {model}, CAIRN_VERSION, {}, {}, {}};
  if (texts.chat) {
    server.render_chat = [&texts](const ChatRequest& request) {
      ChatRequest filled = request;
      filled.bos_token = texts.tokenizer->bos_token();
      filled.eos_token = texts.tokenizer->eos_token();
      return texts.chat->render(filled);
    };
  }
  server.principal = principal_tag;
  server.on_finished = [&trace, &deps](const RequestSummary& summary) {
    std::printf("%s\n", to_line(summary).c_str());
    std::fflush(stdout);
    if (!trace.is_open()) return;
    trace << trace_line(summary, static_cast<double>(deps.clock.unix_time_us()) * 1e-6) + '\n' << std::flush;
    if (trace) return;
    trace.close();
    deps.log.warn("serve.trace_ended", {{"why", "the file cannot be written any more"}});
  };
  return server;
}

// Everything between parsed options and the exit status.
int serve(const std::string& model_dir, const ServeOptions& options, const VerbInput& input) {
  SignalThread signals;
  SystemClock clock;
  const std::unique_ptr<Metrics> metrics = make_metrics();
  const std::unique_ptr<Log> log = make_stderr_log(level_of(options.words.log_level));
  const StackDeps deps{clock, *metrics, *log};
  const std::string model = name_of(model_dir);

  if (const Result<void> right = check_model_dir(model_dir); !right) return fail(right.error());
  if (const Result<void> right = check_server_files(options.server); !right) return fail(right.error());
  Result<std::ofstream> trace = open_trace(options.words.trace);
  if (!trace) return fail(trace.error());
  const Result<Texts> texts = load_texts(model_dir);
  if (!texts) return fail(texts.error());
  Result<std::unique_ptr<Stack>> stack =
      Stack::start({model_dir, model, fingerprint_cache(input.variables)}, options, deps);
  if (!stack) return fail(stack.error());
  Result<std::unique_ptr<Server>> server =
      Server::bind(options.server, (*stack)->engine(), server_deps(*texts, deps, model, *trace));
  if (!server) {
    (*stack)->stop(clock, clock.after_us(0));
    return fail(server.error());
  }
  print_ready((*server)->url(), model, **stack, options);
  const Result<void> served = (*server)->serve(signals.token());
  const bool whole = (*stack)->stop(clock, clock.after_us(std::int64_t{options.server.drain_ms} * 1000));
  const int status = served ? 0 : fail(served.error());
  if (!whole) {
    std::fprintf(stderr, "cairn: left with a call that hangs in storage\n");
    std::fflush(nullptr);
    _exit(status);
  }
  return status;
}

}  // namespace

int run_serve(const VerbInput& input) {
  ServeOptions serve_options;
  OptionSet options;
  serve_options.bind(options);
  const Parsed parsed = parse(options, input,
                              {"cairn serve MODEL_DIR [options]",
                               "OpenAI-compatible server for the model in a Hugging Face directory. KV that it "
                               "computes is kept in host RAM and in the stores, and found again by this instance, by "
                               "others on the same store, and after a restart.",
                               "cairn serve models/SmolLM2-135M-Instruct --store file:///srv/kv", ConfigFile::kRead},
                              1);
  if (parsed.done) return parsed.status;
  if (const Result<void> right = serve_options.check(); !right) return wrong_words(right.error());
  const Result<void> fits = check_ram(options, serve_options.words.ram_bytes.value_or(0));
  if (!fits) return fail(fits.error());
  return serve(parsed.loaded.positional[0], serve_options, input);
}

}  // namespace cairn
