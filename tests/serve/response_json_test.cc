// Property: bodies are valid JSON in the published forms whatever bytes tokens hold, and distinct tokens keep names.
#include "serve/response_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace cairn {
namespace {

using Json = nlohmann::json;

TEST(ResponseJson, TokenNamesStayDistinct) {
  EXPECT_EQ(token_name("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(token_name("\xc3"), "bytes:\\xc3");
  EXPECT_EQ(token_name("a\xa9"), "bytes:\\x61\\xa9");
  for (const char* broken : {"\xed\xa0\x80", "\xc0\x80", "\xf5\x80\x80\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80"}) {
    EXPECT_TRUE(token_name(broken).starts_with("bytes:")) << broken;
  }
  EXPECT_EQ(code_points("a\xc3\xa9\xf0\x9f\x98\x80"), 3u);
}

TEST(ResponseJson, ChunksAreOneEventEach) {
  ResponseFrame frame{"id", "m", 5, true, false, false};
  ChoiceBody body;
  body.text = "a\n\nb\xff";
  const std::string event = stream_chunk(frame, body, std::nullopt, false);
  EXPECT_TRUE(event.starts_with("data: {"));
  EXPECT_EQ(event.find("\n\n"), event.size() - 2);  // no line of the text ends the event
  const Json json = Json::parse(event.substr(6));
  EXPECT_EQ(json["choices"][0]["delta"]["content"], "a\n\nb\xef\xbf\xbd");
  EXPECT_FALSE(json.contains("usage"));
}

TEST(ResponseJson, ModelsListEveryName) {
  const Json json = Json::parse(models_body({"a", "b"}, 7, 100));
  EXPECT_EQ(json["data"].size(), 2u);
  EXPECT_EQ(json["data"][1]["root"], "a");
  EXPECT_EQ(json["data"][1]["max_model_len"], 100);
}

}  // namespace
}  // namespace cairn
