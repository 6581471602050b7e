#include "serve/response_json.h"

#include <nlohmann/json.hpp>

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// Length of the well-formed code point at `at`; 0: none.
std::size_t code_point_bytes(const std::string& text, std::size_t at) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 && first <= 0xF4 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (first > 0xF4 || size == 0 || at + size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(at + 1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return size;
}

Json byte_list(const std::string& bytes) {
  Json list = Json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return list;
}

Json chat_token(const TokenText& token) {
  return {{"token", token_name(token.bytes)}, {"logprob", token.logprob}, {"bytes", byte_list(token.bytes)}};
}

Json chat_logprobs(const std::vector<LogprobEntry>& entries) {
  Json content = Json::array();
  for (const LogprobEntry& entry : entries) {
    Json row = chat_token(entry.token);
    row["top_logprobs"] = Json::array();
    for (const TokenText& top : entry.top) row["top_logprobs"].push_back(chat_token(top));
    content.push_back(std::move(row));
  }
  return {{"content", std::move(content)}};
}

Json completion_logprobs(const std::vector<LogprobEntry>& entries, std::uint64_t offset) {
  Json offsets = Json::array(), values = Json::array(), names = Json::array(), tops = Json::array();
  for (const LogprobEntry& entry : entries) {
    offsets.push_back(offset);
    offset += code_points(entry.token.bytes);
    values.push_back(entry.token.logprob);
    names.push_back(token_name(entry.token.bytes));
    Json top = Json::object();
    for (const TokenText& other : entry.top) top[token_name(other.bytes)] = other.logprob;
    tops.push_back(std::move(top));
  }
  return {{"text_offset", offsets}, {"token_logprobs", values}, {"tokens", names}, {"top_logprobs", tops}};
}

Json logprobs_of(const ResponseFrame& frame, const ChoiceBody& choice) {
  if (!frame.logprobs) return nullptr;
  return frame.chat ? chat_logprobs(choice.logprobs) : completion_logprobs(choice.logprobs, choice.text_offset);
}

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json usage_of(const UsageCount& usage) {
  std::uint64_t cached = 0;
  Json by_tier = Json::object();
  for (const auto& [tier, tokens] : usage.cached_by_tier) {
    cached += tokens;
    by_tier[tier] = tokens;
  }
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", cached}, {"cached_tokens_by_tier", std::move(by_tier)}}}};
}

Json head_of(const ResponseFrame& frame, const char* object) {
  return {{"id", frame.id}, {"object", object}, {"created", frame.created_s}, {"model", frame.model}};
}

// The members that whole answers and chunks share.
void add_common(const ResponseFrame& frame, const ChoiceBody& choice, Json& out) {
  out["logprobs"] = logprobs_of(frame, choice);
  out["finish_reason"] = or_null(choice.finish_reason);
  out["stop_reason"] = or_null(choice.stop_reason);
  if (!frame.token_ids) return;
  out["token_ids"] = choice.token_ids;
  if (!choice.prompt_token_ids.empty()) out["prompt_token_ids"] = choice.prompt_token_ids;
}

std::string event(const Json& json) { return "data: " + dump(json) + "\n\n"; }
const char* chunk_object(const ResponseFrame& frame) {
  return frame.chat ? "chat.completion.chunk" : "text_completion";
}

Json model_object(const std::string& name, const std::vector<std::string>& names, std::int64_t created_s,
                  std::uint32_t context_tokens_max) {
  return {{"id", name},
          {"object", "model"},
          {"created", created_s},
          {"owned_by", "cairn"},
          {"root", names.front()},
          {"parent", nullptr},
          {"max_model_len", context_tokens_max},
          {"permission", Json::array()}};
}

}  // namespace

std::uint64_t code_points(const std::string& text) {
  std::uint64_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) at += std::max<std::size_t>(1, code_point_bytes(text, at));
  return count;
}

std::string token_name(const std::string& bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t size = code_point_bytes(bytes, at);
    if (size == 0) break;
    at += size;
  }
  if (at == bytes.size()) return bytes;
  static constexpr char kHex[] = "0123456789abcdef";
  std::string name = "bytes:";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    name += std::string("\\x") + kHex[byte >> 4] + kHex[byte & 15];
  }
  return name;
}

std::string completion_body(const ResponseFrame& frame, const std::vector<ChoiceBody>& choices,
                            const UsageCount& usage) {
  Json body = head_of(frame, frame.chat ? "chat.completion" : "text_completion");
  body["choices"] = Json::array();
  for (const ChoiceBody& choice : choices) {
    Json out = {{"index", choice.index}};
    if (frame.chat) {
      out["message"] = {{"role", "assistant"}, {"content", choice.text}};
    } else {
      out["text"] = choice.text;
    }
    add_common(frame, choice, out);
    body["choices"].push_back(std::move(out));
  }
  body["usage"] = usage_of(usage);
  return dump(body);
}

std::string stream_chunk(const ResponseFrame& frame, const ChoiceBody& choice, const std::optional<UsageCount>& usage,
                         bool usage_null) {
  Json body = head_of(frame, chunk_object(frame));
  Json out = {{"index", choice.index}};
  if (frame.chat) {
    Json delta = Json::object();
    if (choice.first) delta["role"] = "assistant";
    if (choice.first || !choice.text.empty()) delta["content"] = choice.text;
    out["delta"] = std::move(delta);
  } else {
    out["text"] = choice.text;
  }
  add_common(frame, choice, out);
  body["choices"] = Json::array({std::move(out)});
  if (usage) {
    body["usage"] = usage_of(*usage);
  } else if (usage_null) {
    body["usage"] = nullptr;
  }
  return event(body);
}

std::string stream_usage(const ResponseFrame& frame, const UsageCount& usage) {
  Json body = head_of(frame, chunk_object(frame));
  body["choices"] = Json::array();
  body["usage"] = usage_of(usage);
  return event(body);
}

std::string stream_error(const std::string& error_json) { return "data: " + error_json + "\n\n"; }

std::string model_body(const std::string& name, const std::vector<std::string>& names, std::int64_t created_s,
                       std::uint32_t context_tokens_max) {
  return dump(model_object(name, names, created_s, context_tokens_max));
}

std::string models_body(const std::vector<std::string>& names, std::int64_t created_s,
                        std::uint32_t context_tokens_max) {
  Json models = Json::array();
  for (const std::string& name : names) models.push_back(model_object(name, names, created_s, context_tokens_max));
  return dump({{"object", "list"}, {"data", std::move(models)}});
}

std::string version_body(const std::string& version) { return dump({{"version", version}}); }

std::string tokenize_body(const std::vector<TokenId>& tokens, const std::optional<std::vector<std::string>>& strings,
                          std::uint32_t context_tokens_max) {
  Json body = {
      {"count", tokens.size()}, {"max_model_len", context_tokens_max}, {"tokens", tokens}, {"token_strs", nullptr}};
  if (strings) body["token_strs"] = *strings;
  return dump(body);
}

std::string detokenize_body(const std::string& text) { return dump({{"prompt", text}}); }

}  // namespace cairn
