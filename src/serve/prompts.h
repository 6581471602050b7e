// Request values -> token ids, with the context's limits. Any thread; no sockets.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/generator.h"
#include "serve/completion_request.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace cairn {

// Bytes of the longest text that the context can hold: all its tokens the longest of the vocabulary. The tokenizer
// is not asked about longer ones, so that one request cannot keep it busy for seconds.
std::uint64_t text_bytes_max(const Tokenizer& tokenizer, const GeneratorLimits& limits);

using RenderChat = std::function<Result<std::string>(const ChatRequest&)>;

struct PromptSource {
  const Tokenizer& tokenizer;
  const RenderChat& render_chat;  // unset: chats are refused
  GeneratorLimits limits;
  std::uint64_t text_bytes_max = 0;  // of a prompt: no longer text can fit
  std::int64_t now_unix_s = 0;       // for templates that print the date
};

struct EncodedPrompts {
  std::vector<std::vector<TokenId>> prompts;  // none empty
  std::uint32_t output_tokens_max = 0;        // 0: what the context leaves
};
// Refuses prompts that do not fit together with the tokens asked for.
ApiResult<EncodedPrompts> encode_prompts(const PromptSource& source, const CompletionRequest& request);
ApiResult<std::vector<TokenId>> encode_for_tokenize(const PromptSource& source, const TokenizeRequest& request);

// Refuses ids that are no tokens of the model, naming `field`.
std::optional<ApiError> check_tokens(const PromptSource& source, std::span<const TokenId> tokens, const char* field);

}  // namespace cairn
