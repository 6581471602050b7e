// The body of a request as a value: what /v1/completions, /v1/chat/completions, /tokenize and /detokenize accept, with
// every limit checked. Pure: bytes in, value or error out; no tokenizer, no model. Unknown fields are ignored; fields
// whose meaning we cannot honour are refused by name unless they are null or neutral.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/generator.h"
#include "http/api_error.h"

namespace cairn {

inline constexpr std::size_t kPromptsMax = 2048, kMessagesMax = 16'384, kRoleBytesMax = 64, kSaltBytesMax = 256;
inline constexpr std::size_t kStopTokensMax = 64, kModelBytesMax = 512;
inline constexpr std::int32_t kLogprobsMax = 20;

using Prompt = std::variant<std::string, std::vector<TokenId>>;

struct Message {
  std::string role, content;
  std::string extra_json;  // the other fields as an object; empty: none
};

struct CompletionRequest {
  bool chat = false;
  std::string model;              // empty: the one that is served
  std::vector<Prompt> prompts;    // completions: one choice each
  std::vector<Message> messages;  // chat
  bool add_generation_prompt = true;
  std::optional<bool> add_special_tokens;  // unset: yes for prompts, no for rendered chats
  std::string template_variables_json;     // chat_template_kwargs

  Sampling sampling;
  std::optional<std::uint32_t> output_tokens_max;
  std::vector<std::string> stops;
  std::vector<TokenId> stop_tokens;
  bool ignore_eos = false, keep_stop = false, skip_special_tokens = true;
  bool stream = false, stream_usage = false, stream_usage_each = false;
  bool return_token_ids = false;
  std::string cache_salt;
};

struct TokenizeRequest {
  std::string model, prompt;
  std::vector<Message> messages;  // chat form when not empty
  bool add_generation_prompt = true, return_strings = false;
  std::optional<bool> add_special_tokens;
  std::string template_variables_json;
};

struct DetokenizeRequest {
  std::string model;
  std::vector<TokenId> tokens;
};

ApiResult<CompletionRequest> parse_completion_request(std::string_view bytes);
ApiResult<CompletionRequest> parse_chat_request(std::string_view bytes);
ApiResult<TokenizeRequest> parse_tokenize_request(std::string_view bytes);
ApiResult<DetokenizeRequest> parse_detokenize_request(std::string_view bytes);

}  // namespace cairn
