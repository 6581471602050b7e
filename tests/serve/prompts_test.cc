// Property: prompts become tokens within the context, or the field that does not fit is named.
#include "serve/prompts.h"

#include <gtest/gtest.h>

#include "text/small_model.h"

namespace cairn {
namespace {

struct Source {
  std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(small_tokenizer_json());
  RenderChat render;
  PromptSource source() { return {*tokenizer, render, {64, 304}, text_bytes_max(*tokenizer, {64, 304}), 0}; }
};

TEST(Prompts, DefaultsOfTheTwoForms) {
  Source s;
  CompletionRequest request;
  request.prompts = {std::string("xy"), std::vector<TokenId>(60, 5)};
  const auto encoded = std::get<EncodedPrompts>(encode_prompts(s.source(), request));
  EXPECT_EQ(encoded.prompts[0], (std::vector<TokenId>{'x', 'y'}));
  EXPECT_EQ(encoded.output_tokens_max, 4u);  // 16, or what is left
  s.render = [](const ChatRequest& chat) -> Result<std::string> {
    return chat.messages[0].content + chat.variables_json;
  };
  request.chat = true;
  request.messages = {{"user", "hi", ""}};
  request.template_variables_json = "{}";
  EXPECT_EQ(std::get<EncodedPrompts>(encode_prompts(s.source(), request)).prompts[0],
            (std::vector<TokenId>{'h', 'i', '{', '}'}));
  EXPECT_EQ(std::get<EncodedPrompts>(encode_prompts(s.source(), request)).output_tokens_max, 0u);
}

TEST(Prompts, RefusalsNameTheField) {
  Source s;
  const auto refusal = [&s](const CompletionRequest& request) {
    const auto encoded = encode_prompts(s.source(), request);
    const auto* error = std::get_if<ApiError>(&encoded);
    return error == nullptr ? "accepted" : error->param + " " + error->code;
  };
  CompletionRequest request;
  request.prompts = {std::string(64, 'x')};
  EXPECT_EQ(refusal(request), "prompt context_length_exceeded");
  // Not even looked at: no token is that long. Broken text would be another refusal.
  request.prompts = {"\xff" + std::string(64 * 16, 'x')};
  EXPECT_EQ(refusal(request), "prompt context_length_exceeded");
  request.prompts = {"\xff"};
  EXPECT_EQ(refusal(request), "prompt invalid_value");
  request.prompts = {std::string(60, 'x')};
  request.output_tokens_max = 5;
  EXPECT_EQ(refusal(request), "max_tokens context_length_exceeded");
  request.output_tokens_max = 4;
  EXPECT_EQ(refusal(request), "accepted");
  request.prompts = {std::vector<TokenId>{304}};
  EXPECT_EQ(refusal(request), "prompt invalid_value");
  request.prompts = {std::vector<TokenId>{}};
  EXPECT_EQ(refusal(request), "prompt invalid_value");
  request.chat = true;
  request.messages = {{"user", "hi", ""}};
  EXPECT_EQ(refusal(request), "messages invalid_value");  // no template
  s.render = [](const ChatRequest&) -> Result<std::string> { return invalid("roles must alternate"); };
  EXPECT_EQ(refusal(request), "messages invalid_value");
}

}  // namespace
}  // namespace cairn
