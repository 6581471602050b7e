// Property: a body becomes exactly one value, or one error that names the field; limits hold at their edges; what we
// cannot honour is refused unless it is null or neutral, and unknown fields change nothing.
#include "serve/completion_request.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "serve/stop_filter.h"

namespace cairn {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

CompletionRequest accepted(const Json& body, bool chat = false) {
  auto parsed = chat ? parse_chat_request(body.dump()) : parse_completion_request(body.dump());
  const auto* error = std::get_if<ApiError>(&parsed);
  EXPECT_EQ(error, nullptr) << body << " " << (error ? error->message : "");
  return error ? CompletionRequest{} : std::get<CompletionRequest>(std::move(parsed));
}
ApiError refused(const Json& body, bool chat = false) {
  auto parsed = chat ? parse_chat_request(body.dump()) : parse_completion_request(body.dump());
  const auto* error = std::get_if<ApiError>(&parsed);
  EXPECT_NE(error, nullptr) << body;
  EXPECT_EQ(error == nullptr ? 0 : error->status, 400);
  return error ? *error : ApiError{};
}
Json with(const Json& more) {
  Json body = {{"prompt", "x"}};
  if (!more.is_null()) body.update(more);
  return body;
}
Json chat_with(const Json& more) {
  Json body = {{"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  if (!more.is_null()) body.update(more);
  return body;
}

TEST(CompletionRequest, ReadsEveryField) {
  const CompletionRequest request = accepted(with({{"model", "m"},
                                                   {"max_tokens", 7},
                                                   {"temperature", 0.5},
                                                   {"top_p", 0.9},
                                                   {"top_k", 40},
                                                   {"seed", -5},
                                                   {"stop", {"a", "b"}},
                                                   {"stop_token_ids", {1, 2}},
                                                   {"logprobs", 3},
                                                   {"ignore_eos", true},
                                                   {"stream", true},
                                                   {"stream_options", {{"include_usage", true}}},
                                                   {"cache_salt", "s"},
                                                   {"return_token_ids", true},
                                                   {"unknown_field", {{"deep", 1}}}}));
  EXPECT_EQ(std::get<std::string>(request.prompts.at(0)), "x");
  EXPECT_EQ(request.output_tokens_max, 7u);
  EXPECT_FLOAT_EQ(request.sampling.top_p, 0.9f);
  EXPECT_EQ(request.sampling.top_k, 40);
  EXPECT_TRUE(request.sampling.has_seed);
  EXPECT_EQ(request.sampling.seed, static_cast<std::uint64_t>(-5));
  EXPECT_EQ(request.stops, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request.stop_tokens, (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(request.sampling.logprobs, 3);
  EXPECT_TRUE(request.ignore_eos && request.stream && request.stream_usage && request.return_token_ids);
  EXPECT_EQ(request.cache_salt, "s");
}

TEST(CompletionRequest, NullMeansAbsent) {
  const CompletionRequest request = accepted(with({{"max_tokens", nullptr},
                                                   {"temperature", nullptr},
                                                   {"stop", nullptr},
                                                   {"seed", nullptr},
                                                   {"logprobs", nullptr},
                                                   {"stream", nullptr},
                                                   {"stream_options", nullptr},
                                                   {"cache_salt", nullptr},
                                                   {"n", nullptr}}));
  EXPECT_FALSE(request.output_tokens_max);
  EXPECT_EQ(request.sampling.temperature, 1);
  EXPECT_EQ(request.sampling.logprobs, -1);
}

TEST(CompletionRequest, PromptsHaveFourForms) {
  EXPECT_EQ(accepted({{"prompt", {1, 2, 3}}}).prompts.size(), 1u);
  EXPECT_EQ(accepted({{"prompt", {"a", "b"}}}).prompts.size(), 2u);
  EXPECT_EQ(accepted({{"prompt", {{1, 2}, {3}}}}).prompts.size(), 2u);
  for (const Json& prompt : {Json(5), Json::array(), Json(true), Json{1, "a"}, Json{{1, -2}}, Json{{1.5}},
                             Json{4294967296}, Json::object(), Json{nullptr}}) {
    EXPECT_EQ(refused({{"prompt", prompt}}).param, "prompt") << prompt;
  }
  EXPECT_EQ(refused(Json::object()).param, "prompt");
}

TEST(CompletionRequest, UnsupportedFieldsAreNamedUnlessNeutral) {
  const std::vector<std::pair<std::string, std::vector<Json>>> refusals = {
      {"n", {2, 0, "1"}},
      {"best_of", {2}},
      {"echo", {true}},
      {"logit_bias", {{{"5", 1}}}},
      {"tools", {Json::array({Json::object()})}},
      {"response_format", {{{"type", "json_object"}}}},
      {"presence_penalty", {0.5}},
      {"frequency_penalty", {-1}},
      {"suffix", {"x"}},
      {"min_tokens", {1}},
      {"guided_json", {Json::object()}},
      {"tool_choice", {"required"}},
      {"prompt_logprobs", {1}},
      {"modalities", {{"audio"}}}};
  for (const auto& [name, values] : refusals) {
    for (const Json& value : values) {
      const ApiError error = refused(with({{name, value}}));
      EXPECT_EQ(error.param, name) << value;
      EXPECT_THAT(error.message, HasSubstr(name));
    }
  }
  accepted(with({{"n", 1},
                 {"best_of", 1},
                 {"echo", false},
                 {"logit_bias", Json::object()},
                 {"tools", Json::array()},
                 {"suffix", ""},
                 {"response_format", {{"type", "text"}}},
                 {"presence_penalty", 0},
                 {"frequency_penalty", 0.0},
                 {"tool_choice", "none"},
                 {"min_tokens", 0},
                 {"guided_json", nullptr},
                 {"modalities", Json::array({"text"})},
                 {"repetition_penalty", 1.0}}));
}

TEST(CompletionRequest, NumbersHaveEdges) {
  for (const auto& [name, value] : std::vector<std::pair<std::string, Json>>{{"temperature", -0.1},
                                                                             {"temperature", 2.1},
                                                                             {"temperature", "1"},
                                                                             {"top_p", 0},
                                                                             {"top_p", 1.1},
                                                                             {"top_k", -2},
                                                                             {"top_k", 1.5},
                                                                             {"max_tokens", 0},
                                                                             {"max_tokens", -1},
                                                                             {"max_tokens", 4294967296},
                                                                             {"max_tokens", 1e300},
                                                                             {"max_completion_tokens", 0},
                                                                             {"seed", 1.5},
                                                                             {"logprobs", 21},
                                                                             {"logprobs", true},
                                                                             {"stream", 1},
                                                                             {"ignore_eos", "yes"}}) {
    EXPECT_EQ(refused(with({{name, value}})).param, name) << value;
  }
  EXPECT_EQ(accepted(with({{"max_tokens", 16.0}})).output_tokens_max, 16u);
  EXPECT_EQ(accepted(with({{"max_completion_tokens", 5}})).output_tokens_max, 5u);
  EXPECT_EQ(refused(with({{"max_completion_tokens", 5}, {"max_tokens", 6}})).param, "max_completion_tokens");
  EXPECT_EQ(accepted(with({{"top_k", -1}, {"temperature", 0}, {"top_p", 1}})).sampling.top_k, -1);
}

TEST(CompletionRequest, StopsAndSaltsHaveLimits) {
  EXPECT_EQ(accepted(with({{"stop", "one"}})).stops.size(), 1u);
  EXPECT_EQ(
      accepted(with({{"stop", std::vector<std::string>(kStopsMax, std::string(kStopBytesMax, 'a'))}})).stops.size(),
      kStopsMax);
  for (const Json& stop : {Json(std::vector<std::string>(kStopsMax + 1, "a")),
                           Json(std::string(kStopBytesMax + 1, 'a')), Json(""), Json(5), Json{5}}) {
    EXPECT_EQ(refused(with({{"stop", stop}})).param, "stop");
  }
  EXPECT_EQ(accepted(with({{"cache_salt", std::string(kSaltBytesMax, 's')}})).cache_salt.size(), kSaltBytesMax);
  for (const Json& salt :
       {Json(""), Json(std::string(kSaltBytesMax + 1, 's')), Json("a\nb"), Json(std::string("a\0b", 3)), Json(5)}) {
    EXPECT_EQ(refused(with({{"cache_salt", salt}})).param, "cache_salt");
  }
}

TEST(CompletionRequest, MessagesAreTextWithTheirOtherFields) {
  const CompletionRequest request = accepted(
      {{"messages",
        {{{"role", "system"}, {"content", {{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}}}},
         {{"role", "user"}, {"content", "hi"}, {"name", "bob"}},
         {{"role", "assistant"}, {"content", nullptr}, {"tool_calls", Json::array()}}}},
       {"chat_template_kwargs", {{"enable_thinking", false}}},
       {"logprobs", true},
       {"top_logprobs", 4}},
      true);
  EXPECT_EQ(request.messages[0].content, "a\nb");
  EXPECT_EQ(request.messages[1].extra_json, R"({"name":"bob"})");
  EXPECT_EQ(request.template_variables_json, R"({"enable_thinking":false})");
  EXPECT_EQ(request.sampling.logprobs, 4);
  for (const Json& messages : {Json::array(), Json("x"), Json{1}, Json{{{"role", "user"}}}, Json{{{"content", "x"}}},
                               Json{{{"role", 5}, {"content", "x"}}},
                               Json{{{"role", "user"}, {"content", {{{"type", "image_url"}, {"image_url", "x"}}}}}}}) {
    EXPECT_THAT(refused({{"messages", messages}}, true).param, testing::StartsWith("messages")) << messages;
  }
  EXPECT_EQ(refused(chat_with({{"top_logprobs", 2}}), true).param, "top_logprobs");
}

TEST(CompletionRequest, BodiesThatAreNoObjectAreInvalidJson) {
  for (const std::string& bytes :
       {std::string(""), std::string("{"), std::string("[]"), std::string("5"), std::string("{\"prompt\":\"\xff\"}"),
        std::string("{}x"), std::string("{\"a\":1,}"), std::string(100'000, '['), std::string(1 << 20, '{'),
        "{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}"}) {
    const auto parsed = parse_completion_request(bytes);
    const auto* error = std::get_if<ApiError>(&parsed);
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(error->code, "invalid_json") << bytes.substr(0, 50);
  }
  const std::string deep = "{\"prompt\":\"[[[\\\"[[\",\"a\":" + std::string(63, '[') + std::string(63, ']') + "}";
  EXPECT_TRUE(std::holds_alternative<CompletionRequest>(parse_completion_request(deep)));
}

TEST(CompletionRequest, TokenizeAndDetokenizeHaveTheirForms) {
  EXPECT_EQ(std::get<TokenizeRequest>(parse_tokenize_request(R"({"prompt":"a"})")).prompt, "a");
  EXPECT_EQ(std::get<TokenizeRequest>(parse_tokenize_request(chat_with({}).dump())).messages.size(), 1u);
  EXPECT_EQ(std::get<ApiError>(parse_tokenize_request("{}")).param, "prompt");
  EXPECT_EQ(std::get<DetokenizeRequest>(parse_detokenize_request(R"({"tokens":[1,2]})")).tokens.size(), 2u);
  EXPECT_EQ(std::get<ApiError>(parse_detokenize_request(R"({"tokens":[-1]})")).param, "tokens");
}

TEST(CompletionRequest, MutatedBodiesNeverCrash) {
  const std::string body =
      chat_with(
          {{"stop", {"a", "b"}}, {"seed", 5}, {"logprobs", true}, {"stream_options", nullptr}, {"prompt", {1, 2}}})
          .dump();
  Random random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = body;
    for (std::uint64_t edits = 1 + random.below(5); edits > 0; --edits)
      text[random.below(text.size())] = "{}[]\",:0-ex\\ \xff"[random.below(15)];
    [[maybe_unused]] const auto completion = parse_completion_request(text);
    [[maybe_unused]] const auto chat = parse_chat_request(text);
    [[maybe_unused]] const auto tokens = parse_tokenize_request(text);
  }
}

}  // namespace
}  // namespace cairn
