#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/tokenizer_state.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

Result<Json> parse_object(const std::string& text, std::string_view file) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return invalid(std::string(file) + " is not JSON");
  if (!json.is_object()) return invalid(std::string(file) + " is not a JSON object");
  return json;
}

const Json& member(const Json& object, const char* key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

// "<s>" or {"content": "<s>", ...}; empty if absent.
std::string named_token(const Json& config, const char* key) {
  const Json& value = member(config, key);
  const Json& content = value.is_object() ? member(value, "content") : value;
  return content.is_string() ? content.get<std::string>() : std::string();
}

// A string, or a list of {"name", "template"} of which "default" is meant.
Result<std::string> chat_template_of(const Json& config) {
  const Json& value = member(config, "chat_template");
  if (value.is_null()) return std::string();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    for (const Json& entry : value) {
      const Json& source = member(entry, "template");
      if (member(entry, "name") == "default" && source.is_string()) return source.get<std::string>();
    }
  }
  return invalid("tokenizer_config.json: chat_template is neither text nor a list with a default");
}

Result<void> parse_config(const TokenizerFiles& files, Tokenizer::State& state) {
  state.chat_template = files.chat_template_jinja;
  if (files.tokenizer_config_json.empty()) return {};
  CAIRN_TRY(const Json config, parse_object(files.tokenizer_config_json, "tokenizer_config.json"));
  if (state.chat_template.empty()) {
    CAIRN_TRY(state.chat_template, chat_template_of(config));
  }
  state.bos_token = named_token(config, "bos_token");
  state.eos_token = named_token(config, "eos_token");
  const auto id_of = [&](const std::string& token) -> std::optional<TokenId> {
    if (const auto added = state.added_ids.find(token); added != state.added_ids.end()) return added->second;
    const auto known = state.bpe.vocabulary().find(token);
    return known == state.bpe.vocabulary().end() ? std::nullopt : std::optional<TokenId>(known->second);
  };
  for (const std::string* token : {&state.bos_token, &state.eos_token}) {
    if (!token->empty() && !id_of(*token)) {
      return invalid("tokenizer_config.json: '" + *token + "' is not a token of tokenizer.json");
    }
  }
  state.bos_id = id_of(state.bos_token);
  if (const auto eos = id_of(state.eos_token)) state.eos_ids.push_back(*eos);
  return {};
}

// eos_token_id is an id or a list of ids.
Result<void> parse_generation_config(const TokenizerFiles& files, Tokenizer::State& state) {
  if (files.generation_config_json.empty()) return {};
  CAIRN_TRY(const Json config, parse_object(files.generation_config_json, "generation_config.json"));
  const Json& value = member(config, "eos_token_id");
  if (value.is_null()) return {};
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json& entry : list) {
    if (!entry.is_number_unsigned() || entry.get<std::uint64_t>() >= kVocabularyMax) {
      return invalid("generation_config.json: eos_token_id must be an id or a list of ids");
    }
    const auto id = static_cast<TokenId>(entry.get<std::uint64_t>());
    if (std::find(state.eos_ids.begin(), state.eos_ids.end(), id) == state.eos_ids.end()) state.eos_ids.push_back(id);
  }
  return {};
}

}  // namespace

Result<void> parse_tokenizer_config(const TokenizerFiles& files, Tokenizer::State& state) {
  CAIRN_TRY_VOID(parse_config(files, state));
  return parse_generation_config(files, state);
}

}  // namespace cairn
