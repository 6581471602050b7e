#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "model/import.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

enum class TokenKind : std::int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };

constexpr const char* kLlama3Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr const char* kQwen2Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

struct Splitter {
  Json pre_tokenizer, normalizer;
  bool ignore_merges = false;
};

// The file names its splitter; which regular expressions that means is knowledge of the original models.
Result<Splitter> splitter_of(std::string_view name) {
  const auto split = [](const char* pattern) {
    return Json{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  };
  const auto sequence = [](Json first, Json second) {
    return Json{{"type", "Sequence"}, {"pretokenizers", Json::array({std::move(first), std::move(second)})}};
  };
  if (name == "smollm") {
    return Splitter{sequence({{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)), nullptr};
  }
  if (name == "llama-bpe" || name == "llama3" || name == "llama-v3") {
    return Splitter{sequence(split(kLlama3Pattern), byte_level(false)), nullptr, true};
  }
  if (name == "qwen2") return Splitter{sequence(split(kQwen2Pattern), byte_level(false)), Json{{"type", "NFC"}}};
  return invalid("GGUF tokenizer '" + std::string(name) + "' is not supported (smollm, llama-bpe and qwen2 are)");
}

Json added_token(std::string_view content, bool special) {
  return {{"content", content}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},    {"normalized", false},  {"special", special}};
}

struct Vocabulary {
  Json ids = Json::object();      // text -> id
  Json added = Json::array();     // of tokenizer.json
  Json decoder = Json::object();  // of tokenizer_config.json: id -> added token
};

Result<Vocabulary> read_vocabulary(const GgufFile& gguf) {
  CAIRN_TRY(const auto tokens, gguf.texts("tokenizer.ggml.tokens"));
  CAIRN_TRY(const auto kinds, gguf.numbers("tokenizer.ggml.token_type"));
  if (kinds.size() != tokens.size()) return invalid("GGUF tokenizer has unequal numbers of tokens and token types");
  Vocabulary vocabulary;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!vocabulary.ids.emplace(std::string(tokens[id]), id).second) {
      return invalid("GGUF tokenizer has the token '" + std::string(tokens[id]) + "' twice");
    }
    const auto kind = static_cast<TokenKind>(kinds[id]);
    if (kind != TokenKind::kControl && kind != TokenKind::kUserDefined) continue;
    Json token = added_token(tokens[id], kind == TokenKind::kControl);
    vocabulary.decoder[std::to_string(id)] = token;
    token["id"] = id;
    vocabulary.added.push_back(std::move(token));
  }
  return vocabulary;
}

Result<Json> read_merges(const GgufFile& gguf) {
  CAIRN_TRY(const auto merges, gguf.texts("tokenizer.ggml.merges"));
  Json list = Json::array();
  for (const std::string_view merge : merges) {
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == merge.size()) {
      return invalid("GGUF merge '" + std::string(merge) + "' is not two tokens");
    }
    list.push_back(std::string(merge));
  }
  return list;
}

// The text of the token that `key` numbers; null when the file does not name one.
Result<Json> named_token(const GgufFile& gguf, const char* key) {
  if (!gguf.has(key)) return Json(nullptr);
  CAIRN_TRY(const std::uint64_t id, gguf.number(key));
  CAIRN_TRY(const auto tokens, gguf.texts("tokenizer.ggml.tokens"));
  if (id >= tokens.size()) return invalid(std::string("GGUF metadata '") + key + "' is not a token");
  return Json(std::string(tokens[id]));
}

// Puts the beginning-of-text token before every text, as models with add_bos_token expect.
Json bos_processor(const std::string& bos, std::uint64_t id) {
  const Json first = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}};
  const Json text_a = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
             text_b = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({first, text_a})},
          {"pair", Json::array({first, text_a, first, text_b})},
          {"special_tokens", {{bos, {{"id", bos}, {"ids", {id}}, {"tokens", {bos}}}}}}};
}

Result<std::string> to_text(const Json& json) {
  try {
    return json.dump(2) + "\n";
  } catch (const Json::exception&) {
    return invalid("GGUF tokenizer has text that is not UTF-8");
  }
}

Result<Json> tokenizer_config(const GgufFile& gguf, const Vocabulary& vocabulary, std::uint64_t context) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"add_prefix_space", false},
                 {"clean_up_tokenization_spaces", false},
                 {"model_max_length", context},
                 {"added_tokens_decoder", vocabulary.decoder}};
  const std::pair<const char*, const char*> named[] = {{"bos_token", "tokenizer.ggml.bos_token_id"},
                                                       {"eos_token", "tokenizer.ggml.eos_token_id"},
                                                       {"pad_token", "tokenizer.ggml.padding_token_id"},
                                                       {"unk_token", "tokenizer.ggml.unknown_token_id"}};
  for (const auto& [name, key] : named) {
    CAIRN_TRY(config[name], named_token(gguf, key));
  }
  if (gguf.has("tokenizer.chat_template")) {
    CAIRN_TRY(const std::string_view chat, gguf.text("tokenizer.chat_template"));
    config["chat_template"] = std::string(chat);
  }
  return config;
}

}  // namespace

Result<TokenizerTexts> import_tokenizer(const GgufFile& gguf, std::uint64_t context) {
  CAIRN_TRY(const std::string_view model, gguf.text("tokenizer.ggml.model"));
  if (model != "gpt2")
    return invalid("GGUF tokenizer model '" + std::string(model) + "' is not supported (gpt2, byte-level BPE, is)");
  CAIRN_TRY(const std::string_view name, gguf.text("tokenizer.ggml.pre"));
  CAIRN_TRY(const Splitter splitter, splitter_of(name));
  CAIRN_TRY(const Vocabulary vocabulary, read_vocabulary(gguf));
  CAIRN_TRY(const Json merges, read_merges(gguf));
  Json processor = nullptr;
  if (gguf.flag("tokenizer.ggml.add_bos_token", false)) {
    CAIRN_TRY(const Json bos, named_token(gguf, "tokenizer.ggml.bos_token_id"));
    CAIRN_TRY(const std::uint64_t id, gguf.number("tokenizer.ggml.bos_token_id"));
    processor = bos_processor(bos.get<std::string>(), id);
  }
  const Json tokenizer = {{"version", "1.0"},
                          {"truncation", nullptr},
                          {"padding", nullptr},
                          {"added_tokens", vocabulary.added},
                          {"normalizer", splitter.normalizer},
                          {"pre_tokenizer", splitter.pre_tokenizer},
                          {"post_processor", processor},
                          {"decoder", byte_level(true)},
                          {"model",
                           {{"type", "BPE"},
                            {"dropout", nullptr},
                            {"unk_token", nullptr},
                            {"continuing_subword_prefix", nullptr},
                            {"end_of_word_suffix", nullptr},
                            {"fuse_unk", false},
                            {"byte_fallback", false},
                            {"ignore_merges", splitter.ignore_merges},
                            {"vocab", vocabulary.ids},
                            {"merges", merges}}}};
  CAIRN_TRY(const Json config, tokenizer_config(gguf, vocabulary, context));
  TokenizerTexts texts;
  CAIRN_TRY(texts.tokenizer, to_text(tokenizer));
  CAIRN_TRY(texts.tokenizer_config, to_text(config));
  return texts;
}

}  // namespace cairn
