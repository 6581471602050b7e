#include "serve/completion_request.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "serve/stop_filter.h"

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kJsonDepthMax = 64;

// Remembers the first thing that was wrong; after that every read gives its fallback.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  const Json* find(const char* name) const;  // null when absent or JSON null
  bool boolean(const char* name, bool fallback);
  std::optional<std::int64_t> integer(const char* name, std::int64_t low, std::int64_t high);
  std::optional<double> number(const char* name, double low, double high);
  std::optional<std::string> text(const char* name, std::size_t bytes_max);
  // 400 naming the field unless it is absent, null, or one of `neutral`.
  void unsupported(const char* name, std::initializer_list<Json> neutral = {});
  void fail(ApiError error);
  void fail(std::string param, std::string message) { fail(bad_field(std::move(param), std::move(message))); }

  bool failed() const { return error_.has_value(); }
  ApiError take_error() { return std::move(*error_); }

 private:
  const Json& object_;
  std::optional<ApiError> error_;
};

bool too_deep(std::string_view bytes) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

std::string plain_text(double value) {
  return std::floor(value) == value && std::abs(value) < 1e15 ? std::to_string(static_cast<std::int64_t>(value))
                                                              : Json(value).dump();
}

// One JSON object, at most kJsonDepthMax deep, valid UTF-8.
ApiResult<Json> parse_json_object(std::string_view bytes) {
  if (too_deep(bytes)) return ApiError{400, "the JSON body is nested deeper than 64 levels", "", "invalid_json"};
  Json json;
  try {
    json = Json::parse(bytes);
  } catch (const Json::exception& error) {
    std::string reason = error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    if (const auto end = reason.find("] "); end != std::string::npos) reason.erase(0, end + 2);
    if (reason.size() > 300) reason.resize(300);
    for (char& c : reason) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    return ApiError{400, "the body is not valid JSON: " + reason, "", "invalid_json"};
  }
  if (!json.is_object()) return ApiError{400, "the body must be a JSON object", "", "invalid_json"};
  return json;
}

const Json* Fields::find(const char* name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void Fields::fail(ApiError error) {
  if (!error_) error_ = std::move(error);
}

bool Fields::boolean(const char* name, bool fallback) {
  const Json* value = find(name);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) fail(name, std::string(name) + " must be true or false");
  return value->is_boolean() ? value->get<bool>() : fallback;
}

std::optional<std::int64_t> Fields::integer(const char* name, std::int64_t low, std::int64_t high) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  std::optional<std::int64_t> number;
  if (value->is_number_unsigned()) {
    const auto wide = value->get<std::uint64_t>();
    if (wide <= static_cast<std::uint64_t>(INT64_MAX)) number = static_cast<std::int64_t>(wide);
  } else if (value->is_number_integer()) {
    number = value->get<std::int64_t>();
  } else if (value->is_number_float()) {
    const double real = value->get<double>();  // 16.0 is a whole number to JSON
    if (std::floor(real) == real && std::abs(real) < 9e15) number = static_cast<std::int64_t>(real);
  }
  if (!number || *number < low || *number > high) {
    fail(name,
         std::string(name) + " must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
    return std::nullopt;
  }
  return number;
}

std::optional<double> Fields::number(const char* name, double low, double high) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const double real = value->is_number() ? value->get<double>() : std::nan("");
  if (!(real >= low && real <= high)) {
    fail(name, std::string(name) + " must be a number from " + plain_text(low) + " to " + plain_text(high));
    return std::nullopt;
  }
  return real;
}

std::optional<std::string> Fields::text(const char* name, std::size_t bytes_max) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    fail(name, std::string(name) + " must be a string");
    return std::nullopt;
  }
  if (value->get_ref<const std::string&>().size() > bytes_max) {
    fail(name, std::string(name) + " is longer than " + std::to_string(bytes_max) + " bytes");
    return std::nullopt;
  }
  return value->get<std::string>();
}

void Fields::unsupported(const char* name, std::initializer_list<Json> neutral) {
  const Json* value = find(name);
  if (value == nullptr) return;
  for (const Json& allowed : neutral) {
    if (*value == allowed) return;
  }
  std::string allowed = "leave it out";
  if (neutral.size() > 0) allowed += " or set it to " + neutral.begin()->dump();
  ApiError error = bad_field(name, std::string(name) + " is not supported here; " + allowed);
  error.code = "unsupported_parameter";
  fail(std::move(error));
}

constexpr std::size_t kTextBytesMax = 64u << 20;  // above any body; the body's own limit is the HTTP layer's

std::optional<std::vector<TokenId>> token_list(const Json& value, std::size_t tokens_max) {
  std::vector<TokenId> tokens;
  if (!value.is_array() || value.size() > tokens_max) return std::nullopt;
  tokens.reserve(value.size());
  for (const Json& item : value) {
    if (!item.is_number_unsigned() || item.get<std::uint64_t>() > UINT32_MAX) return std::nullopt;
    tokens.push_back(static_cast<TokenId>(item.get<std::uint64_t>()));
  }
  return tokens;
}

// A text, a list of token ids, or a list of either.
void read_prompts(Fields& fields, CompletionRequest& request) {
  static constexpr char kForms[] = "prompt must be a text, a list of token ids, or a list of texts or of such lists";
  const Json* value = fields.find("prompt");
  if (value == nullptr) return fields.fail("prompt", "prompt is missing");
  if (value->is_string()) {
    request.prompts.emplace_back(value->get<std::string>());
    return;
  }
  if (!value->is_array() || value->empty()) return fields.fail("prompt", kForms);
  if (value->front().is_number()) {
    auto tokens = token_list(*value, kTextBytesMax);
    if (!tokens) return fields.fail("prompt", kForms);
    request.prompts.emplace_back(std::move(*tokens));
    return;
  }
  if (value->size() > kPromptsMax) return fields.fail("prompt", "prompt holds more than 2048 prompts");
  for (const Json& item : *value) {
    if (item.is_string()) {
      request.prompts.emplace_back(item.get<std::string>());
      continue;
    }
    auto tokens = token_list(item, kTextBytesMax);
    if (!tokens) return fields.fail("prompt", kForms);
    request.prompts.emplace_back(std::move(*tokens));
  }
}

// Text of a message: a string, null, or a list of text parts.
std::optional<std::string> content_text(const Json& content) {
  if (content.is_null()) return std::string();
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) return std::nullopt;
  std::string text;
  for (const Json& part : content) {
    if (!part.is_object()) return std::nullopt;
    const auto type = part.find("type");
    const auto part_text = part.find("text");
    if (type == part.end() || *type != "text" || part_text == part.end() || !part_text->is_string())
      return std::nullopt;
    if (&part != &content.front()) text += '\n';
    text += part_text->get_ref<const std::string&>();
  }
  return text;
}

void read_message(Fields& fields, const Json& item, std::size_t index, std::vector<Message>& messages) {
  const std::string where = "messages[" + std::to_string(index) + "]";
  if (!item.is_object()) return fields.fail(where, where + " must be an object with role and content");
  Message message;
  Json extra = Json::object();
  bool has_content = false;
  for (const auto& [name, value] : item.items()) {
    if (name == "role") {
      if (!value.is_string() || value.get_ref<const std::string&>().size() > kRoleBytesMax) {
        return fields.fail(where + ".role", where + ".role must be a short string such as \"user\"");
      }
      message.role = value.get<std::string>();
    } else if (name == "content") {
      auto text = content_text(value);
      if (!text) return fields.fail(where + ".content", where + ".content must be a string or a list of text parts");
      message.content = std::move(*text);
      has_content = true;
    } else if (!value.is_null()) {
      extra[name] = value;
    }
  }
  if (message.role.empty()) return fields.fail(where + ".role", where + ".role is missing");
  if (!has_content && !extra.contains("tool_calls"))
    return fields.fail(where + ".content", where + ".content is missing");
  if (!extra.empty()) message.extra_json = extra.dump();
  messages.push_back(std::move(message));
}

void read_messages(Fields& fields, std::vector<Message>& messages) {
  const Json* value = fields.find("messages");
  if (value == nullptr) return fields.fail("messages", "messages is missing");
  if (!value->is_array() || value->empty())
    return fields.fail("messages", "messages must be a list of at least one message");
  if (value->size() > kMessagesMax) return fields.fail("messages", "messages holds more than 16384 messages");
  for (std::size_t i = 0; i < value->size() && !fields.failed(); ++i) read_message(fields, (*value)[i], i, messages);
}

void read_template_fields(Fields& fields, bool& add_generation_prompt, std::string& variables_json) {
  add_generation_prompt = fields.boolean("add_generation_prompt", true);
  fields.unsupported("continue_final_message", {false});
  fields.unsupported("chat_template");
  fields.unsupported("documents", {Json::array()});
  if (const Json* variables = fields.find("chat_template_kwargs")) {
    if (!variables->is_object()) return fields.fail("chat_template_kwargs", "chat_template_kwargs must be an object");
    variables_json = variables->dump();
  }
}

void read_stops(Fields& fields, CompletionRequest& request) {
  if (const Json* value = fields.find("stop")) {
    static constexpr char kForms[] = "stop must be a string or a list of at most 16 strings of 1 to 256 bytes";
    const Json list = value->is_array() ? *value : Json::array({*value});
    if (list.size() > kStopsMax) return fields.fail("stop", kForms);
    for (const Json& item : list) {
      if (!item.is_string()) return fields.fail("stop", kForms);
      const auto& text = item.get_ref<const std::string&>();
      if (text.empty() || text.size() > kStopBytesMax) return fields.fail("stop", kForms);
      request.stops.push_back(text);
    }
  }
  if (const Json* value = fields.find("stop_token_ids")) {
    auto tokens = token_list(*value, kStopTokensMax);
    if (!tokens) return fields.fail("stop_token_ids", "stop_token_ids must be a list of at most 64 token ids");
    request.stop_tokens = std::move(*tokens);
  }
  request.keep_stop = fields.boolean("include_stop_str_in_output", false);
}

void read_logprobs(Fields& fields, CompletionRequest& request) {
  if (!request.chat) {
    if (const auto count = fields.integer("logprobs", 0, kLogprobsMax)) {
      request.sampling.logprobs = static_cast<std::int32_t>(*count);
    }
    return;
  }
  const bool wanted = fields.boolean("logprobs", false);
  const auto top = fields.integer("top_logprobs", 0, kLogprobsMax);
  if (top && *top > 0 && !wanted) return fields.fail("top_logprobs", "top_logprobs needs logprobs to be true");
  if (wanted) request.sampling.logprobs = static_cast<std::int32_t>(top.value_or(0));
}

void read_sampling(Fields& fields, CompletionRequest& request) {
  Sampling& sampling = request.sampling;
  if (const auto value = fields.number("temperature", 0, 2)) sampling.temperature = static_cast<float>(*value);
  if (const auto value = fields.number("top_p", 0, 1)) {
    sampling.top_p = static_cast<float>(*value);
    if (!(sampling.top_p > 0)) fields.fail("top_p", "top_p must be above 0 and at most 1");
  }
  if (const auto value = fields.integer("top_k", -1, INT32_MAX)) sampling.top_k = static_cast<std::int32_t>(*value);
  if (const auto value = fields.integer("seed", INT64_MIN, INT64_MAX)) {
    sampling.seed = static_cast<std::uint64_t>(*value);
    sampling.has_seed = true;
  }
  read_logprobs(fields, request);
}

void read_length(Fields& fields, CompletionRequest& request) {
  const auto plain = fields.integer("max_tokens", 1, INT32_MAX);
  const auto newer = fields.integer("max_completion_tokens", 1, INT32_MAX);
  if (plain && newer && *plain != *newer) {
    fields.fail("max_completion_tokens", "max_tokens and max_completion_tokens differ; give one of them");
  }
  if (plain || newer) request.output_tokens_max = static_cast<std::uint32_t>(newer ? *newer : *plain);
  request.ignore_eos = fields.boolean("ignore_eos", false);
}

void read_stream(Fields& fields, CompletionRequest& request) {
  request.stream = fields.boolean("stream", false);
  const Json* options = fields.find("stream_options");
  if (options == nullptr) return;
  if (!request.stream) return fields.fail("stream_options", "stream_options needs stream to be true");
  if (!options->is_object()) return fields.fail("stream_options", "stream_options must be an object");
  Fields inner(*options);
  request.stream_usage = inner.boolean("include_usage", false);
  request.stream_usage_each = inner.boolean("continuous_usage_stats", false);
  if (inner.failed()) fields.fail("stream_options", inner.take_error().message);
}

void read_salt(Fields& fields, CompletionRequest& request) {
  const auto salt = fields.text("cache_salt", kSaltBytesMax);
  if (!salt) return;
  if (salt->empty() || std::any_of(salt->begin(), salt->end(), is_control)) {
    return fields.fail("cache_salt", "cache_salt must be 1 to 256 bytes without control characters");
  }
  request.cache_salt = *salt;
}

void refuse_unsupported(Fields& fields) {
  fields.unsupported("n", {1});
  fields.unsupported("best_of", {1});
  fields.unsupported("echo", {false});
  fields.unsupported("suffix", {""});
  fields.unsupported("logit_bias", {Json::object()});
  fields.unsupported("response_format", {{{"type", "text"}}});
  fields.unsupported("tools", {Json::array()});
  fields.unsupported("tool_choice", {"none", "auto"});
  fields.unsupported("functions", {Json::array()});
  fields.unsupported("function_call", {"none", "auto"});
  fields.unsupported("presence_penalty", {0});
  fields.unsupported("frequency_penalty", {0});
  fields.unsupported("repetition_penalty", {1});
  fields.unsupported("min_p", {0});
  fields.unsupported("min_tokens", {0});
  fields.unsupported("prompt_logprobs", {0});
  fields.unsupported("use_beam_search", {false});
  fields.unsupported("truncate_prompt_tokens");
  fields.unsupported("structured_outputs", {Json::object()});
  for (const char* name :
       {"guided_json", "guided_regex", "guided_choice", "guided_grammar", "audio", "kv_transfer_params"}) {
    fields.unsupported(name);
  }
  fields.unsupported("modalities", {{"text"}});
}

ApiResult<CompletionRequest> parse(std::string_view bytes, bool chat) {
  auto parsed = parse_json_object(bytes);
  if (auto* error = std::get_if<ApiError>(&parsed)) return std::move(*error);
  Fields fields(std::get<Json>(parsed));
  CompletionRequest request;
  request.chat = chat;
  request.model = fields.text("model", kModelBytesMax).value_or("");
  refuse_unsupported(fields);
  if (chat) {
    read_messages(fields, request.messages);
    read_template_fields(fields, request.add_generation_prompt, request.template_variables_json);
  } else {
    read_prompts(fields, request);
  }
  if (const Json* value = fields.find("add_special_tokens"); value != nullptr) {
    request.add_special_tokens = fields.boolean("add_special_tokens", true);
  }
  read_sampling(fields, request);
  read_length(fields, request);
  read_stops(fields, request);
  read_stream(fields, request);
  read_salt(fields, request);
  request.skip_special_tokens = fields.boolean("skip_special_tokens", true);
  request.return_token_ids = fields.boolean("return_token_ids", false);
  if (fields.failed()) return fields.take_error();
  return request;
}

}  // namespace

ApiResult<CompletionRequest> parse_completion_request(std::string_view bytes) { return parse(bytes, false); }
ApiResult<CompletionRequest> parse_chat_request(std::string_view bytes) { return parse(bytes, true); }

ApiResult<TokenizeRequest> parse_tokenize_request(std::string_view bytes) {
  auto parsed = parse_json_object(bytes);
  if (auto* error = std::get_if<ApiError>(&parsed)) return std::move(*error);
  Fields fields(std::get<Json>(parsed));
  TokenizeRequest request;
  request.model = fields.text("model", kModelBytesMax).value_or("");
  if (fields.find("messages") != nullptr) {
    read_messages(fields, request.messages);
    read_template_fields(fields, request.add_generation_prompt, request.template_variables_json);
  } else if (const auto prompt = fields.text("prompt", kTextBytesMax)) {
    request.prompt = *prompt;
  } else {
    fields.fail("prompt", "prompt is missing");
  }
  if (fields.find("add_special_tokens") != nullptr)
    request.add_special_tokens = fields.boolean("add_special_tokens", true);
  request.return_strings = fields.boolean("return_token_strs", false);
  if (fields.failed()) return fields.take_error();
  return request;
}

ApiResult<DetokenizeRequest> parse_detokenize_request(std::string_view bytes) {
  auto parsed = parse_json_object(bytes);
  if (auto* error = std::get_if<ApiError>(&parsed)) return std::move(*error);
  Fields fields(std::get<Json>(parsed));
  DetokenizeRequest request;
  request.model = fields.text("model", kModelBytesMax).value_or("");
  const Json* value = fields.find("tokens");
  auto tokens = value == nullptr ? std::nullopt : token_list(*value, kTextBytesMax);
  if (!tokens) fields.fail("tokens", "tokens must be a list of token ids");
  if (fields.failed()) return fields.take_error();
  request.tokens = std::move(*tokens);
  return request;
}

}  // namespace cairn
