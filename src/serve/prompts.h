// Request values -> token ids, with the context's limits. Any thread; no sockets.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/generator.h"
#include "serve/completion_request.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace cairn {

using RenderChat = std::function<Result<std::string>(const ChatRequest&)>;

struct PromptSource {
  const Tokenizer& tokenizer;
  const RenderChat& render_chat;  // unset: chats are refused
  GeneratorLimits limits;
  std::int64_t now_unix_s = 0;  // for templates that print the date
};

struct EncodedPrompts {
  std::vector<std::vector<TokenId>> prompts;  // none empty
  std::uint32_t output_tokens_max = 0;        // 0: what the context leaves
};
// Refuses prompts that do not fit together with the tokens asked for.
ApiResult<EncodedPrompts> encode_prompts(const PromptSource& source, const CompletionRequest& request);
ApiResult<std::vector<TokenId>> encode_for_tokenize(const PromptSource& source, const TokenizeRequest& request);

}  // namespace cairn
