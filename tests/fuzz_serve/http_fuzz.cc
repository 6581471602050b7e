// Whatever a client sends, it gets a request or one error that says why: the same however its bytes are cut, within the
// limits, in well-formed JSON, and nothing crashes. The first byte picks which layer the rest meets first.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "http/api_error.h"
#include "http/api_keys.h"
#include "http/request_parser.h"
#include "serve/choice.h"
#include "serve/completion_request.h"
#include "serve/prompts.h"
#include "serve/response_json.h"
#include "serve/stop_filter.h"
#include "text/chat_template.h"
#include "text/small_model.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace cairn {
namespace {

constexpr HttpLimits kLimits{2048, 4096};
constexpr GeneratorLimits kGenerator{512, 304};

const Tokenizer& small() {
  static const std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(small_tokenizer_json());
  return *tokenizer;
}

const RenderChat& render_chat() {
  static const RenderChat render = [](const ChatRequest& chat) -> Result<std::string> {
    std::string text;
    for (const ChatMessage& message : chat.messages) text += message.role + ":" + message.content + "\n";
    return text;
  };
  return render;
}

PromptSource source() {
  static const std::uint64_t kBytesMax = text_bytes_max(small(), kGenerator);
  return {small(), render_chat(), kGenerator, kBytesMax, 1'700'000'000};
}

void check_json(std::string_view text) {
  CAIRN_CHECK(nlohmann::json::accept(text), "what leaves is JSON");
  CAIRN_CHECK(check_utf8(text).has_value(), "what leaves is UTF-8");
}

void check_error(const ApiError& error) {
  CAIRN_CHECK(error.status >= 400 && error.status < 500, "bad input is the client's fault");
  CAIRN_CHECK(!error.message.empty() && error.message.size() < 2048, "an error says something, and not everything");
  check_json(to_json(error));
}

// Answers an accepted request with its own prompt: through stop strings, logprobs and both forms of an answer.
void answer(const CompletionRequest& request, const std::vector<TokenId>& tokens) {
  const ResponseFrame frame{"id", request.model, 1, request.chat, request.sampling.logprobs >= 0, true};
  Choice whole(small(), request, 0), streamed(small(), request, 0);
  std::string joined;
  for (const TokenId id : tokens) {
    const Token token{id, -0.5f, {{id, -0.5f}, {(id + 1) % kGenerator.vocabulary, -1.0f}}};
    const bool goes_on = whole.push(token);
    CAIRN_CHECK(streamed.push(token) == goes_on, "the same tokens stop at the same place");
    const ChoiceBody part = streamed.take();
    joined += part.text;
    const std::string event = stream_chunk(frame, part, std::nullopt, false);
    CAIRN_CHECK(event.starts_with("data: ") && event.ends_with("\n\n") && event.find('\n') == event.size() - 2,
                "one event is one line");
    check_json(std::string_view(event).substr(6));
    if (!goes_on) break;
  }
  whole.finish("length");
  streamed.finish("length");
  joined += streamed.take().text;
  const ChoiceBody body = whole.take();
  CAIRN_CHECK(body.text == joined, "a stream says the same as a whole answer");
  check_json(completion_body(frame, {body}, {tokens.size(), whole.tokens(), {}}));
}

void complete(const ApiResult<CompletionRequest>& parsed) {
  if (const auto* error = std::get_if<ApiError>(&parsed)) return check_error(*error);
  const auto& request = std::get<CompletionRequest>(parsed);
  const auto encoded = encode_prompts(source(), request);
  if (const auto* error = std::get_if<ApiError>(&encoded)) return check_error(*error);
  const auto& prompts = std::get<EncodedPrompts>(encoded);
  for (const auto& prompt : prompts.prompts) {
    CAIRN_CHECK(!prompt.empty() && prompt.size() + prompts.output_tokens_max <= kGenerator.context_tokens_max,
                "an accepted prompt fits");
    CAIRN_CHECK(std::all_of(prompt.begin(), prompt.end(), [](TokenId id) { return id < kGenerator.vocabulary; }),
                "an accepted prompt is of this vocabulary");
  }
  answer(request, prompts.prompts.front());
}

void tokenize(std::string_view body) {
  const auto parsed = parse_tokenize_request(body);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return check_error(*error);
  const auto tokens = encode_for_tokenize(source(), std::get<TokenizeRequest>(parsed));
  if (const auto* error = std::get_if<ApiError>(&tokens)) return check_error(*error);
  check_json(tokenize_body(std::get<std::vector<TokenId>>(tokens), std::nullopt, kGenerator.context_tokens_max));
}

void detokenize(std::string_view body) {
  const auto parsed = parse_detokenize_request(body);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return check_error(*error);
  check_json(detokenize_body(small().decode(std::get<DetokenizeRequest>(parsed).tokens)));
}

void any_body(unsigned which, std::string_view body) {
  switch (which % 4) {
    case 0:
      return complete(parse_completion_request(body));
    case 1:
      return complete(parse_chat_request(body));
    case 2:
      return tokenize(body);
    default:
      return detokenize(body);
  }
}

struct Outcome {
  HttpRequestParser::State state = HttpRequestParser::State::kHeader;
  HttpRequest request;
  std::string rest;
};

Outcome read(std::string_view bytes, std::size_t piece) {
  HttpRequestParser parser(kLimits);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    parser.feed(bytes.substr(at, piece));
    const bool open =
        parser.state() == HttpRequestParser::State::kHeader || parser.state() == HttpRequestParser::State::kBody;
    CAIRN_CHECK(!open || parser.buffered_bytes() <= kLimits.header_bytes_max + kLimits.body_bytes_max + piece,
                "memory of a request is bounded");
  }
  if (parser.state() == HttpRequestParser::State::kBroken) CAIRN_CHECK(!parser.detail().empty(), "a refusal says why");
  return {parser.state(), parser.request(), parser.take_rest()};
}

void http(std::string_view bytes, std::size_t piece) {
  const Outcome whole = read(bytes, bytes.size() + 1), cut = read(bytes, piece);
  // A header that is not whole may be found broken sooner or later; a whole one reads the same.
  CAIRN_CHECK((whole.state == HttpRequestParser::State::kDone) == (cut.state == HttpRequestParser::State::kDone),
              "a request reads the same however its bytes are cut");
  if (whole.state != HttpRequestParser::State::kDone) return;
  CAIRN_CHECK(whole.rest == cut.rest && whole.request.body == cut.request.body &&
                  whole.request.path == cut.request.path && whole.request.method == cut.request.method,
              "a request reads the same however its bytes are cut");
  CAIRN_CHECK(whole.request.body.size() <= kLimits.body_bytes_max, "no body beyond its limit");
  static const auto kKeys = ApiKeys::make({"a=correct-horse-battery", "b=staple-of-another-sort"});
  const auto tenant = kKeys->tenant_of(whole.request.authorization);
  CAIRN_CHECK(!tenant || whole.request.authorization.size() > 20, "only a whole key opens");
  any_body(static_cast<unsigned>(whole.request.path.size() + 3), whole.request.body);
}

// Right requests with a piece of them replaced by the input: so that the fuzzer reaches past the first brace.
constexpr std::array<std::string_view, 4> kBodies = {
    R"({"model":"m","prompt":["ab",[1,2]],"max_tokens":5,"temperature":0.5,"top_p":1,"top_k":2,"seed":3,"n":1,)"
    R"("stop":["b","\u00e9"],"logprobs":2,"stream":true,"stream_options":{"include_usage":true},"cache_salt":"s",)"
    R"("ignore_eos":true,"echo":false,"stop_token_ids":[7],"skip_special_tokens":false,"add_special_tokens":true})",
    R"({"messages":[{"role":"system","content":"be\ud83d\ude00"},{"role":"user","content":[{"type":"text","text":"hi"}],)"
    R"("name":"x"}],"max_completion_tokens":4,"logprobs":true,"top_logprobs":3,"chat_template_kwargs":{"a":[null]},)"
    R"("stop":"u","tools":[],"response_format":{"type":"text"},"include_stop_str_in_output":true})",
    R"({"prompt":"hello","add_special_tokens":false,"return_token_strs":true})", R"({"tokens":[1,2,300,303]})"};

std::string patched(std::string text, std::size_t at, std::size_t gone, std::string_view with) {
  at %= text.size() + 1;
  return text.replace(at, gone, with);
}

void any_input(unsigned mode, std::string_view input) {
  const unsigned which = mode / 4;
  if (mode % 4 == 0) return any_body(which, input);
  if (mode % 4 == 1) return http(input, 1u + which);
  if (input.size() < 3) return;
  const auto byte = [&input](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(input[i])); };
  const std::size_t at = byte(0) | byte(1) << 8, gone = byte(2) % 16;
  const std::string body(kBodies[which % kBodies.size()]);
  if (mode % 4 == 2) return any_body(which, patched(body, at, gone, input.substr(3)));
  const std::string request = "POST /" + std::string(which % 4, 'p') +
                              " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer correct-horse-battery\r\nContent-Type: "
                              "application/json\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body + "GET / HTTP/1.1\r\n\r\n";
  http(patched(request, at, gone, input.substr(3)), 1u + which);
}

}  // namespace
}  // namespace cairn

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  cairn::any_input(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
