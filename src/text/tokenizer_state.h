// What a loaded tokenizer consists of. Private to text/tokenizer*.cc.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/splitter.h"
#include "text/tokenizer.h"

namespace cairn {

struct Tokenizer::State {
  State(Bpe model, Splitter cutter) : bpe(std::move(model)), splitter(std::move(cutter)) {}

  Bpe bpe;
  Splitter splitter;
  bool nfc = false;
  std::vector<AddedToken> added;                       // as listed in the file
  std::unordered_map<std::string, TokenId> added_ids;  // content -> id
  AddedTokenMatcher raw, normalized;                   // looked for before and after normalization
  std::vector<TokenId> prefix, suffix;                 // what the post-processor puts around a text
  std::vector<std::string> tokens;                     // id -> spelling; empty: no token
  std::vector<std::string> bytes;                      // id -> decoded bytes
  std::vector<bool> special;                           // id -> control token
  std::string bos_token, eos_token, chat_template;
  std::optional<TokenId> bos_id;
  std::vector<TokenId> eos_ids;
};

// tokenizer_json.cc: the files' contents -> State. kInvalid names what is wrong or not implemented.
Result<std::unique_ptr<Tokenizer::State>> parse_tokenizer(const TokenizerFiles& files);

// tokenizer_config.cc: begin, end and chat template from the files beside tokenizer.json, into `state`. Same errors.
Result<void> parse_tokenizer_config(const TokenizerFiles& files, Tokenizer::State& state);

}  // namespace cairn
