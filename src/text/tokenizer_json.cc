#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "text/tokenizer_state.h"
#include "text/unicode.h"

namespace cairn {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kTokenBytesMax = 64 * 1024;

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

std::string type_of(const Json& part) {
  const Json& type = member(part, "type");
  return type.is_string() ? type.get<std::string>() : std::string("without type");
}

Error not_implemented(const std::string& what) { return invalid("tokenizer.json: " + what + " is not implemented"); }

// Refuses keys outside `known`: what an unknown one would change is never guessed.
Result<void> only(const Json& object, const std::string& where, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return invalid("tokenizer.json: " + where + " must be an object");
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return not_implemented(where + " with '" + key + "'");
    }
  }
  return {};
}

// An optional boolean of `object`.
Result<bool> flag(const Json& object, const char* key, bool absent, const std::string& where) {
  const Json& value = member(object, key);
  if (value.is_null()) return absent;
  if (!value.is_boolean()) return invalid("tokenizer.json: " + where + "." + key + " must be true or false");
  return value.get<bool>();
}

Result<TokenId> token_id(const Json& value, const std::string& where) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kVocabularyMax) {
    return invalid("tokenizer.json: " + where + " must be an id below " + std::to_string(kVocabularyMax));
  }
  return static_cast<TokenId>(value.get<std::uint64_t>());
}

// The elements of a Sequence, or the one part that stands for itself.
std::vector<const Json*> sequence(const Json& part, const char* list) {
  std::vector<const Json*> parts;
  if (part.is_null()) return parts;
  if (type_of(part) != "Sequence") return {&part};
  for (const Json& element : member(part, list)) parts.push_back(&element);
  return parts;
}

Result<std::unordered_map<std::string, TokenId>> parse_vocabulary(const Json& model) {
  const Json& vocabulary = member(model, "vocab");
  if (!vocabulary.is_object() || vocabulary.empty()) return invalid("tokenizer.json: model.vocab must be an object");
  std::unordered_map<std::string, TokenId> ids;
  std::vector<bool> used;
  ids.reserve(vocabulary.size());
  for (const auto& [token, value] : vocabulary.items()) {
    if (token.size() > kTokenBytesMax) return invalid("tokenizer.json: a token of model.vocab is too long");
    CAIRN_TRY(const TokenId id, token_id(value, "model.vocab['" + token + "']"));
    if (id >= used.size()) used.resize(id + 1);
    if (used[id]) return invalid("tokenizer.json: id " + std::to_string(id) + " stands for two tokens");
    used[id] = true;
    ids.emplace(token, id);
  }
  return ids;
}

// "a b" or ["a", "b"].
Result<std::pair<std::string, std::string>> merge_parts(const Json& merge, std::size_t rank) {
  const std::string where = "tokenizer.json: model.merges[" + std::to_string(rank) + "] ";
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  }
  if (!merge.is_string()) return invalid(where + "must be \"a b\" or [\"a\", \"b\"]");
  const auto& text = merge.get_ref<const std::string&>();
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    return invalid(where + "must have two parts");
  }
  return std::pair(text.substr(0, space), text.substr(space + 1));
}

Result<std::vector<BpeMerge>> parse_merges(const Json& model, const std::unordered_map<std::string, TokenId>& ids) {
  const Json& list = member(model, "merges");
  if (!list.is_array()) return invalid("tokenizer.json: model.merges must be a list");
  if (list.size() > kVocabularyMax) return invalid("tokenizer.json: model.merges is too long");
  std::vector<BpeMerge> merges;
  merges.reserve(list.size());
  for (std::size_t rank = 0; rank < list.size(); ++rank) {
    CAIRN_TRY(const auto parts, merge_parts(list[rank], rank));
    const auto left = ids.find(parts.first), right = ids.find(parts.second),
               merged = ids.find(parts.first + parts.second);
    if (left == ids.end() || right == ids.end() || merged == ids.end()) {
      return invalid("tokenizer.json: model.merges[" + std::to_string(rank) + "] ('" + parts.first + "' + '" +
                     parts.second + "') needs a token that model.vocab does not have");
    }
    merges.push_back({left->second, right->second, merged->second});
  }
  return merges;
}

Result<Bpe> parse_model(const Json& model) {
  // Files written before the field existed leave "type" out.
  if (!member(model, "type").is_null() && type_of(model) != "BPE") return not_implemented("model " + type_of(model));
  CAIRN_TRY_VOID(only(model, "model",
                      {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                       "byte_fallback", "ignore_merges", "vocab", "merges"}));
  const Json& dropout = member(model, "dropout");
  if (!dropout.is_null() && !(dropout.is_number() && dropout.get<double>() == 0.0)) return not_implemented("dropout");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json& value = member(model, affix);
    if (!value.is_null() && value != "") return not_implemented(std::string("model.") + affix);
  }
  CAIRN_TRY(const bool byte_fallback, flag(model, "byte_fallback", false, "model"));
  if (byte_fallback) return not_implemented("model.byte_fallback");
  BpeConfig config;
  CAIRN_TRY(config.fuse_unknown, flag(model, "fuse_unk", false, "model"));
  CAIRN_TRY(config.ignore_merges, flag(model, "ignore_merges", false, "model"));
  CAIRN_TRY(config.vocabulary, parse_vocabulary(model));
  CAIRN_TRY(config.merges, parse_merges(model, config.vocabulary));
  if (const Json& unknown = member(model, "unk_token"); !unknown.is_null()) {
    if (!unknown.is_string()) return invalid("tokenizer.json: model.unk_token must be a token");
    const auto found = config.vocabulary.find(unknown.get<std::string>());
    if (found == config.vocabulary.end()) return invalid("tokenizer.json: model.unk_token is not in model.vocab");
    config.unknown = found->second;
  }
  return Bpe::make(std::move(config));
}

Result<std::string> digits_pattern(const Json& part) {
  CAIRN_TRY_VOID(only(part, "pre_tokenizer Digits", {"type", "individual_digits"}));
  CAIRN_TRY(const bool individual, flag(part, "individual_digits", false, "pre_tokenizer Digits"));
  return std::string(individual ? R"(\p{N})" : R"(\p{N}+)");
}

Result<std::string> split_pattern(const Json& part) {
  CAIRN_TRY_VOID(only(part, "pre_tokenizer Split", {"type", "pattern", "behavior", "invert"}));
  if (member(part, "behavior") != "Isolated") return not_implemented("pre_tokenizer Split that is not Isolated");
  CAIRN_TRY(const bool invert, flag(part, "invert", false, "pre_tokenizer Split"));
  if (invert) return not_implemented("pre_tokenizer Split with invert");
  const Json& regex = member(member(part, "pattern"), "Regex");
  if (!regex.is_string()) return not_implemented("pre_tokenizer Split without a Regex pattern");
  return regex.get<std::string>();
}

// The published pre-tokenizers are a chain of cuts that ends in ByteLevel.
Result<Splitter> parse_pre_tokenizer(const Json& root) {
  std::vector<std::string> patterns;
  bool byte_level = false;
  for (const Json* part : sequence(member(root, "pre_tokenizer"), "pretokenizers")) {
    const std::string type = type_of(*part);
    if (byte_level) return not_implemented("pre_tokenizer " + type + " after ByteLevel");
    if (type == "Digits") {
      CAIRN_TRY(auto pattern, digits_pattern(*part));
      patterns.push_back(std::move(pattern));
    } else if (type == "Split") {
      CAIRN_TRY(auto pattern, split_pattern(*part));
      patterns.push_back(std::move(pattern));
    } else if (type == "ByteLevel") {
      CAIRN_TRY_VOID(only(*part, "pre_tokenizer ByteLevel", {"type", "add_prefix_space", "trim_offsets", "use_regex"}));
      CAIRN_TRY(const bool prefix_space, flag(*part, "add_prefix_space", true, "pre_tokenizer ByteLevel"));
      if (prefix_space) return not_implemented("pre_tokenizer ByteLevel with add_prefix_space");
      CAIRN_TRY(const bool use_regex, flag(*part, "use_regex", true, "pre_tokenizer ByteLevel"));
      if (use_regex) patterns.emplace_back(gpt2_split_pattern());
      byte_level = true;
    } else {
      return not_implemented("pre_tokenizer " + type);
    }
  }
  if (!byte_level) return not_implemented("pre_tokenizer without ByteLevel");
  return Splitter::make(patterns);
}

Result<bool> parse_normalizer(const Json& root) {
  bool nfc = false;
  for (const Json* part : sequence(member(root, "normalizer"), "normalizers")) {
    if (type_of(*part) != "NFC") return not_implemented("normalizer " + type_of(*part));
    nfc = true;
  }
  return nfc;
}

Result<void> parse_decoder(const Json& root) {
  const auto parts = sequence(member(root, "decoder"), "decoders");
  if (parts.size() != 1) return not_implemented("decoder other than ByteLevel");
  if (type_of(*parts[0]) != "ByteLevel") return not_implemented("decoder " + type_of(*parts[0]));
  return {};
}

Result<AddedToken> parse_added_token(const Json& entry) {
  const std::string where = "added_tokens";
  CAIRN_TRY_VOID(only(entry, where, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}));
  AddedToken token;
  CAIRN_TRY(token.id, token_id(member(entry, "id"), where + ".id"));
  const Json& content = member(entry, "content");
  if (!content.is_string() || content.get_ref<const std::string&>().empty() ||
      content.get_ref<const std::string&>().size() > kAddedTokenBytesMax) {
    return invalid("tokenizer.json: added_tokens.content must be text of 1 to " + std::to_string(kAddedTokenBytesMax) +
                   " bytes");
  }
  token.content = content.get<std::string>();
  CAIRN_TRY(token.special, flag(entry, "special", false, where));
  CAIRN_TRY(token.single_word, flag(entry, "single_word", false, where));
  CAIRN_TRY(token.left_strip, flag(entry, "lstrip", false, where));
  CAIRN_TRY(token.right_strip, flag(entry, "rstrip", false, where));
  CAIRN_TRY(token.normalized, flag(entry, "normalized", !token.special, where));
  return token;
}

Result<void> parse_added_tokens(const Json& root, Tokenizer::State& state) {
  const Json& list = member(root, "added_tokens");
  if (list.is_null()) return {};
  if (!list.is_array() || list.size() > kAddedTokensMax) {
    return invalid("tokenizer.json: added_tokens must be a list of at most " + std::to_string(kAddedTokensMax));
  }
  for (const Json& entry : list) {
    CAIRN_TRY(AddedToken token, parse_added_token(entry));
    const auto known = state.bpe.vocabulary().find(token.content);
    if (known != state.bpe.vocabulary().end() && known->second != token.id) {
      return invalid("tokenizer.json: added token '" + token.content + "' has id " + std::to_string(token.id) +
                     ", model.vocab says " + std::to_string(known->second));
    }
    if (!state.added_ids.emplace(token.content, token.id).second) {
      return invalid("tokenizer.json: added token '" + token.content + "' is listed twice");
    }
    const std::string content = token.normalized && state.nfc ? to_nfc(token.content) : token.content;
    (token.normalized ? state.normalized : state.raw).add(token, content);
    state.added.push_back(std::move(token));
  }
  return {};
}

// The ids one element of a TemplateProcessing template stands for.
Result<std::vector<TokenId>> template_ids(const Json& post, const Json& element) {
  std::vector<TokenId> ids;
  const Json& name = member(member(element, "SpecialToken"), "id");
  if (!name.is_string()) return invalid("tokenizer.json: TemplateProcessing has a part that is neither text nor token");
  const Json& entry = member(member(post, "special_tokens"), name.get<std::string>().c_str());
  for (const Json& id : member(entry, "ids")) {
    CAIRN_TRY(const TokenId value, token_id(id, "TemplateProcessing.special_tokens.ids"));
    ids.push_back(value);
  }
  if (ids.empty()) return invalid("tokenizer.json: TemplateProcessing names the unknown token " + name.dump());
  return ids;
}

Result<void> parse_template_processing(const Json& post, Tokenizer::State& state) {
  bool seen_text = false;
  const Json& single = member(post, "single");
  if (!single.is_array()) return not_implemented("TemplateProcessing.single that is not a list");
  for (const Json& element : single) {
    if (element.is_object() && element.contains("Sequence")) {
      if (seen_text) return not_implemented("TemplateProcessing with the text twice");
      seen_text = true;
      continue;
    }
    CAIRN_TRY(const auto ids, template_ids(post, element));
    auto& side = seen_text ? state.suffix : state.prefix;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!seen_text) return invalid("tokenizer.json: TemplateProcessing.single leaves the text out");
  return {};
}

Result<void> parse_post_processor(const Json& root, Tokenizer::State& state) {
  bool seen = false;
  for (const Json* part : sequence(member(root, "post_processor"), "processors")) {
    const std::string type = type_of(*part);
    if (type == "ByteLevel") continue;  // only moves offsets, which are not kept
    if (type != "TemplateProcessing" || seen) return not_implemented("post_processor " + type);
    seen = true;
    CAIRN_TRY_VOID(parse_template_processing(*part, state));
  }
  return {};
}

Result<void> fill_tables(Tokenizer::State& state) {
  std::size_t size = 0;
  for (const auto& [token, id] : state.bpe.vocabulary()) size = std::max<std::size_t>(size, id + std::size_t{1});
  for (const AddedToken& token : state.added) size = std::max<std::size_t>(size, token.id + std::size_t{1});
  state.tokens.resize(size);
  state.bytes.resize(size);
  state.special.resize(size);
  const auto put = [&](const std::string& token, TokenId id) {
    state.tokens[id] = token;
    state.bytes[id] = byte_level_bytes(token).value_or(token);
  };
  for (const auto& [token, id] : state.bpe.vocabulary()) put(token, id);
  for (const AddedToken& token : state.added) {
    if (!state.tokens[token.id].empty() && state.tokens[token.id] != token.content) {
      return invalid("tokenizer.json: added token '" + token.content + "' takes the id of '" + state.tokens[token.id] +
                     "'");
    }
    put(token.content, token.id);
    if (token.special) state.special[token.id] = true;
  }
  for (const auto* side : {&state.prefix, &state.suffix}) {
    for (const TokenId id : *side) {
      if (id >= size) return invalid("tokenizer.json: post_processor adds the unknown id " + std::to_string(id));
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Tokenizer::State>> parse_tokenizer(const TokenizerFiles& files) {
  CAIRN_TRY(const Json root, parse_object(files.tokenizer_json, "tokenizer.json"));
  CAIRN_TRY_VOID(only(root, "a file",
                      {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                       "post_processor", "decoder", "model"}));
  for (const char* key : {"truncation", "padding"}) {
    if (!member(root, key).is_null()) return not_implemented(key);
  }
  CAIRN_TRY(Bpe bpe, parse_model(member(root, "model")));
  CAIRN_TRY(Splitter splitter, parse_pre_tokenizer(root));
  auto state = std::make_unique<Tokenizer::State>(std::move(bpe), std::move(splitter));
  CAIRN_TRY(state->nfc, parse_normalizer(root));
  CAIRN_TRY_VOID(parse_decoder(root));
  CAIRN_TRY_VOID(parse_added_tokens(root, *state));
  CAIRN_TRY_VOID(parse_post_processor(root, *state));
  CAIRN_TRY_VOID(fill_tables(*state));
  CAIRN_TRY_VOID(parse_tokenizer_config(files, *state));
  return state;
}

}  // namespace cairn
