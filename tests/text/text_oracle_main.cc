// Reads one JSON object from standard input and answers with one on standard output, so that a script can compare the
// text room with the programs it follows. {"model_dir", "cases": [{"text", "add", "parse"}]} -> {"cases": [{"ids",
// "text", "streamed", "all"}]}; {"template", "requests": [...]} -> {"requests": [{"text"} or {"error"}]}.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "text/chat_template.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

Json answer_case(const Tokenizer& tokenizer, const Json& ask) {
  const EncodeOptions options{ask.value("add", true), ask.value("parse", true)};
  const auto ids = tokenizer.encode(ask.at("text").get<std::string>(), options);
  if (!ids) return {{"error", ids.error().detail}};
  Detokenizer detokenizer(tokenizer);
  std::string streamed;
  for (const TokenId id : *ids) streamed += detokenizer.push(id);
  streamed += detokenizer.finish();
  return {{"ids", *ids},
          {"text", tokenizer.decode(*ids)},
          {"streamed", streamed},
          {"all", tokenizer.decode(*ids, {.skip_special = false})}};
}

Json answer_decode(const Tokenizer& tokenizer, const Json& ids) {
  return tokenizer.decode(ids.get<std::vector<TokenId>>(), {.skip_special = false});
}

Json answer_tokenizer(const Json& ask) {
  const auto tokenizer = Tokenizer::load(ask.at("model_dir").get<std::string>());
  if (!tokenizer) return {{"error", tokenizer.error().detail}};
  Json cases = Json::array(), decoded = Json::array();
  for (const Json& each : ask.value("cases", Json::array())) cases.push_back(answer_case(**tokenizer, each));
  for (const Json& ids : ask.value("decode", Json::array())) decoded.push_back(answer_decode(**tokenizer, ids));
  return {{"cases", cases}, {"decode", decoded}, {"vocab_size", (*tokenizer)->vocab_size()}};
}

Json answer_request(const ChatTemplate& chat, const Json& ask) {
  ChatRequest request;
  for (const Json& message : ask.at("messages")) {
    Json extra = message;
    ChatMessage& added = request.messages.emplace_back();
    added.role = message.value("role", "");
    if (message.contains("content") && message["content"].is_string()) {
      added.content = message["content"];
      extra.erase("content");
    }
    extra.erase("role");
    if (!extra.empty()) added.extra_json = extra.dump();
  }
  request.add_generation_prompt = ask.value("add_generation_prompt", false);
  request.bos_token = ask.value("bos_token", "");
  request.eos_token = ask.value("eos_token", "");
  request.tools_json = ask.value("tools_text", "");
  request.variables_json = ask.value("variables_text", "");
  if (ask.contains("now")) request.now_unix_s = ask["now"].get<std::int64_t>();
  const auto text = chat.render(request);
  return text ? Json{{"text", *text}} : Json{{"error", text.error().detail}};
}

Json answer_template(const Json& ask) {
  const auto chat = ChatTemplate::parse(ask.at("template").get<std::string>());
  if (!chat) return {{"error", chat.error().detail}};
  Json requests = Json::array();
  for (const Json& each : ask.at("requests")) requests.push_back(answer_request(*chat, each));
  return {{"requests", requests}};
}

}  // namespace
}  // namespace cairn

int main() {
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  const auto ask = nlohmann::ordered_json::parse(input);
  const auto answer = ask.contains("template") ? cairn::answer_template(ask) : cairn::answer_tokenizer(ask);
  return std::puts(answer.dump().c_str()) < 0 ? 1 : 0;
}
