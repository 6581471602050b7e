#include "serve/prompts.h"

#include <algorithm>

namespace cairn {
namespace {

constexpr std::uint32_t kCompletionTokensDefault = 16;  // as the original API
constexpr std::uint64_t kBytesPerTokenMin = 16;         // Unicode normalisation may shorten a text before it is cut

ApiError too_long(const PromptSource& source, const char* field, const std::string& requested) {
  ApiError error =
      bad_field(field, "This model's maximum context length is " + std::to_string(source.limits.context_tokens_max) +
                           " tokens. However, you requested " + requested + ".");
  error.code = "context_length_exceeded";
  return error;
}

ApiResult<std::vector<TokenId>> encode_text(const PromptSource& source, const std::string& text, bool add_special,
                                            const char* field) {
  if (text.size() > source.text_bytes_max) {
    return too_long(source, field, "a text of " + std::to_string(text.size()) + " bytes");
  }
  EncodeOptions options;
  options.add_special_tokens = add_special;
  auto tokens = source.tokenizer.encode(text, options);
  if (!tokens) return bad_field(field, tokens.error().detail);
  return std::move(*tokens);
}

ApiResult<std::vector<TokenId>> encode_chat(const PromptSource& source, const std::vector<Message>& messages,
                                            bool add_generation_prompt, const std::string& variables_json,
                                            bool add_special) {
  if (!source.render_chat) return bad_field("messages", "this model has no chat template; use /v1/completions");
  ChatRequest chat;
  for (const Message& message : messages) chat.messages.push_back({message.role, message.content, message.extra_json});
  chat.add_generation_prompt = add_generation_prompt;
  chat.bos_token = source.tokenizer.bos_token();
  chat.eos_token = source.tokenizer.eos_token();
  chat.variables_json = variables_json;
  chat.now_unix_s = source.now_unix_s;
  const Result<std::string> text = source.render_chat(chat);
  if (!text) return bad_field("messages", "the chat template refused: " + text.error().detail);
  return encode_text(source, *text, add_special, "messages");
}

ApiResult<std::vector<TokenId>> encode_prompt(const PromptSource& source, const Prompt& prompt, bool add_special) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return encode_text(source, *text, add_special, "prompt");
  const auto& tokens = std::get<std::vector<TokenId>>(prompt);
  if (auto error = check_tokens(source, tokens, "prompt")) return std::move(*error);
  return tokens;
}

}  // namespace

std::uint64_t text_bytes_max(const Tokenizer& tokenizer, const GeneratorLimits& limits) {
  std::uint64_t longest = kBytesPerTokenMin;
  for (std::size_t id = 0; id < tokenizer.vocab_size(); ++id) {
    longest = std::max<std::uint64_t>(longest, tokenizer.token_bytes(static_cast<TokenId>(id)).size());
  }
  return limits.context_tokens_max * longest;
}

std::optional<ApiError> check_tokens(const PromptSource& source, std::span<const TokenId> tokens, const char* field) {
  const auto stranger =
      std::find_if(tokens.begin(), tokens.end(), [&](TokenId id) { return id >= source.limits.vocabulary; });
  if (stranger == tokens.end()) return std::nullopt;
  return bad_field(field, "token id " + std::to_string(*stranger) + " is outside the vocabulary of " +
                              std::to_string(source.limits.vocabulary));
}

ApiResult<EncodedPrompts> encode_prompts(const PromptSource& source, const CompletionRequest& request) {
  EncodedPrompts encoded;
  const char* field = request.chat ? "messages" : "prompt";
  const std::size_t count = request.chat ? 1 : request.prompts.size();
  const std::uint64_t context = source.limits.context_tokens_max;
  std::uint64_t longest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto tokens = request.chat
                      ? encode_chat(source, request.messages, request.add_generation_prompt,
                                    request.template_variables_json, request.add_special_tokens.value_or(false))
                      : encode_prompt(source, request.prompts[i], request.add_special_tokens.value_or(true));
    if (auto* error = std::get_if<ApiError>(&tokens)) return std::move(*error);
    auto& prompt = std::get<std::vector<TokenId>>(tokens);
    if (prompt.empty()) return bad_field(field, std::string(field) + " holds no token");
    longest = std::max<std::uint64_t>(longest, prompt.size());
    encoded.prompts.push_back(std::move(prompt));
  }
  if (longest >= context) return too_long(source, field, std::to_string(longest) + " tokens in the " + field);
  if (request.output_tokens_max) {
    if (longest + *request.output_tokens_max > context) {
      return too_long(source, "max_tokens",
                      std::to_string(longest) + " tokens in the " + field + " and " +
                          std::to_string(*request.output_tokens_max) + " in the completion");
    }
    encoded.output_tokens_max = *request.output_tokens_max;
  } else if (!request.chat) {
    encoded.output_tokens_max =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(kCompletionTokensDefault, context - longest));
  }
  return encoded;
}

ApiResult<std::vector<TokenId>> encode_for_tokenize(const PromptSource& source, const TokenizeRequest& request) {
  if (request.messages.empty())
    return encode_text(source, request.prompt, request.add_special_tokens.value_or(true), "prompt");
  return encode_chat(source, request.messages, request.add_generation_prompt, request.template_variables_json,
                     request.add_special_tokens.value_or(false));
}

}  // namespace cairn
