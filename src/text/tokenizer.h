// Text <-> token ids, as a model's own tokenizer.json says: byte-level byte-pair encoding with its pre-tokenizer, added
// tokens, NFC and begin/end tokens. What is not implemented is refused by name at load.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace cairn {

inline constexpr std::size_t kTokenizerFileBytesMax = 256 * 1024 * 1024;
inline constexpr std::size_t kVocabularyMax = 4'000'000;
inline constexpr std::size_t kEncodeBytesMax = 64 * 1024 * 1024;  // one text

struct EncodeOptions {
  bool add_special_tokens = true;  // begin and end tokens of the post-processor; off for rendered chat templates
  bool parse_special = true;       // control tokens spelled in the text become their id; off: they are plain text
};

struct DecodeOptions {
  bool skip_special = true;  // leave control tokens out
};

// Contents of the files of a model directory; an empty one is absent (only tokenizer_json is required).
struct TokenizerFiles {
  std::string tokenizer_json = {}, tokenizer_config_json = {}, generation_config_json = {}, chat_template_jinja = {};
};

// Immutable after load; const members from any thread.
class Tokenizer {
 public:
  // tokenizer.json and, where they exist, tokenizer_config.json, generation_config.json, chat_template.jinja of a
  // Hugging Face model directory. kUnavailable: cannot be read; kInvalid: broken or not implemented, by name.
  static Result<std::unique_ptr<Tokenizer>> load(const std::filesystem::path& model_dir);
  static Result<std::unique_ptr<Tokenizer>> parse(const TokenizerFiles& files);
  ~Tokenizer();

  // kInvalid: `text` is not well-formed UTF-8 (says where) or longer than kEncodeBytesMax.
  Result<std::vector<TokenId>> encode(std::string_view text, const EncodeOptions& options = {}) const;

  // Well-formed UTF-8; bytes that do not form code points become U+FFFD. Ids without a token give nothing.
  std::string decode(std::span<const TokenId> ids, const DecodeOptions& options = {}) const;
  // The bytes that one id adds to decoded text; possibly a part of a code point. Empty for ids without a token.
  std::string_view token_bytes(TokenId id) const;

  std::size_t vocab_size() const;                                    // highest id + 1
  std::optional<TokenId> token_to_id(std::string_view token) const;  // spelled as in the vocabulary file
  std::optional<std::string_view> id_to_token(TokenId id) const;
  bool is_special(TokenId id) const;

  std::optional<TokenId> bos_id() const;
  std::span<const TokenId> eos_ids()
      const;                           // tokenizer_config.json's first, then generation_config.json's; may be empty
  std::string_view bos_token() const;  // spelling, for chat templates; empty if none
  std::string_view eos_token() const;
  // Source of the chat template (text/chat_template.h); empty if the model has none.
  const std::string& chat_template() const;

  struct State;  // private to text/tokenizer*.cc
  explicit Tokenizer(std::unique_ptr<const State> state);

 private:
  std::unique_ptr<const State> state_;
};

}  // namespace cairn
