// Property: the endpoint answers as OpenAI's does, over real sockets: usage adds up, streams equal whole answers, stop
// strings and code points are never cut, refusals name the field, and every route but /health asks for the key.
#include "serve/server.h"

#include <gmock/gmock.h>

#include <fstream>

#include "serve/routes.h"
#include "serve/running_server.h"

namespace cairn {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string joined_text(const std::vector<Json>& events, bool chat = false) {
  std::string text;
  for (const Json& event : events) {
    for (const Json& choice : event["choices"])
      text += chat ? choice["delta"].value("content", "") : choice["text"].get<std::string>();
  }
  return text;
}

std::string finish_of(const std::vector<Json>& events) {
  std::string finish;
  for (const Json& event : events) {
    for (const Json& choice : event["choices"]) {
      if (!choice["finish_reason"].is_null()) finish += choice["finish_reason"].get<std::string>();
    }
  }
  return finish;
}

TEST(Server, CompletesAPrompt) {
  RunningServer server;
  server.generator.script = [](const Request&) { return FakeGenerator::Script{"hello", false, {}, {}, 1, 2}; };
  const Json reply = server.post(
      "/v1/completions", {{"model", "test-model"}, {"prompt", "xyzxyz"}, {"max_tokens", 9}, {"temperature", 0}});
  EXPECT_THAT(reply["id"].get<std::string>(), StartsWith("cmpl-"));
  EXPECT_EQ(reply["object"], "text_completion");
  EXPECT_EQ(reply["model"], "test-model");
  EXPECT_EQ(reply["choices"][0]["text"], "hello");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(reply["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(reply["usage"], (Json{{"prompt_tokens", 6},
                                  {"completion_tokens", 5},
                                  {"total_tokens", 11},
                                  {"prompt_tokens_details",
                                   {{"cached_tokens", 3}, {"cached_tokens_by_tier", {{"device", 1}, {"ram", 2}}}}}}));
  const Request request = server.generator.requests().at(0);
  EXPECT_EQ(request.prompt.size(), 6u);
  EXPECT_EQ(request.output_tokens_max, 9u);
  EXPECT_EQ(request.sampling.temperature, 0);
  EXPECT_TRUE(request.tenant.is_zero());
}

TEST(Server, LengthIsTheOtherReasonToEnd) {
  RunningServer server;
  const Json reply = server.post("/v1/completions", {{"prompt", "x"}, {"max_tokens", 2}});
  EXPECT_EQ(reply["choices"][0]["text"], "he");
  EXPECT_EQ(reply["choices"][0]["finish_reason"], "length");
}

TEST(Server, AStreamSaysTheSameAsAWholeAnswer) {
  RunningServer server;
  server.generator.script = [](const Request&) { return FakeGenerator::Script{"caf\xc3\xa9 \xf0\x9f\x98\x80!"}; };
  const Json body = {{"prompt", "x"}, {"max_tokens", 50}, {"stream_options", {{"include_usage", true}}}};
  const auto events = server.stream("/v1/completions", body);
  EXPECT_EQ(joined_text(events), "caf\xc3\xa9 \xf0\x9f\x98\x80!");
  EXPECT_EQ(finish_of(events), "stop");
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_TRUE(events[i].contains("usage") && events[i]["usage"].is_null());
    EXPECT_EQ(events[i]["id"], events[0]["id"]);
    EXPECT_THAT(events[i].dump(), Not(HasSubstr("\xef\xbf\xbd")));  // no split code point became U+FFFD
  }
  EXPECT_TRUE(events.back()["choices"].empty());
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], 11);
  EXPECT_EQ(events.back()["usage"]["total_tokens"], 12);
}

TEST(Server, StreamsWithoutUsageUnlessAsked) {
  RunningServer server;
  for (const Json& event : server.stream("/v1/completions", {{"prompt", "x"}})) EXPECT_FALSE(event.contains("usage"));
  EXPECT_EQ(server.post("/v1/completions", {{"prompt", "x"}, {"stream_options", {{"include_usage", true}}}},
                        400)["error"]["param"],
            "stream_options");
}

TEST(Server, ChatsInTheChatForm) {
  RunningServer server;
  const Json messages = {{{"role", "user"}, {"content", "hi"}}};
  const Json reply = server.post("/v1/chat/completions", {{"messages", messages}});
  EXPECT_THAT(reply["id"].get<std::string>(), StartsWith("chatcmpl-"));
  EXPECT_EQ(reply["object"], "chat.completion");
  EXPECT_EQ(reply["choices"][0]["message"], (Json{{"role", "assistant"}, {"content", "hello"}}));
  EXPECT_EQ(reply["usage"]["prompt_tokens"], 8);  // "user:hi\n"
  EXPECT_EQ(server.generator.requests().at(0).output_tokens_max, 4096u - 8);

  const auto events = server.stream("/v1/chat/completions", {{"messages", messages}});
  EXPECT_EQ(events.front()["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(events.front()["object"], "chat.completion.chunk");
  EXPECT_EQ(joined_text(events, true), "hello");
  EXPECT_EQ(events.back()["choices"][0]["delta"], Json::object());
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "stop");
}

TEST(Server, StopStringsEndTheTextWhereverTokensAreCut) {
  RunningServer server;
  server.generator.script = [](const Request&) { return FakeGenerator::Script{"one two STOP three", true}; };
  for (const bool stream : {false, true}) {
    const Json body = {{"prompt", "x"}, {"max_tokens", 4000}, {"stop", {"never", "STOP"}}};
    if (stream) {
      const auto events = server.stream("/v1/completions", body);
      EXPECT_EQ(joined_text(events), "one two ");
      EXPECT_EQ(finish_of(events), "stop");
      EXPECT_EQ(events.back()["choices"][0]["stop_reason"], "STOP");
    } else {
      const Json reply = server.post("/v1/completions", body);
      EXPECT_EQ(reply["choices"][0]["text"], "one two ");
      EXPECT_EQ(reply["choices"][0]["finish_reason"], "stop");
      EXPECT_EQ(reply["usage"]["completion_tokens"], 12);
    }
  }
  EXPECT_TRUE(server.generator.wait_for_live(0));  // the generator was told
  EXPECT_EQ(server.generator.cancels(), 2u);
}

TEST(Server, ListsOfPromptsGiveAChoiceEach) {
  RunningServer server;
  server.generator.script = [](const Request& request) {
    return FakeGenerator::Script{std::string(1, static_cast<char>(request.prompt.at(0)))};
  };
  const Json texts = server.post("/v1/completions", {{"prompt", {"a-", "b", "c"}}});
  ASSERT_EQ(texts["choices"].size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(texts["choices"][i]["index"], i);
    EXPECT_EQ(texts["choices"][i]["text"], std::string(1, static_cast<char>('a' + i)));
  }
  EXPECT_EQ(texts["usage"]["prompt_tokens"], 4);
  EXPECT_EQ(texts["usage"]["completion_tokens"], 3);
  EXPECT_EQ(server.post("/v1/completions", {{"prompt", {65, 66}}})["choices"][0]["text"], "A");
  EXPECT_EQ(server.post("/v1/completions", {{"prompt", {{65}, {66, 67}}}})["choices"][1]["text"], "B");
  std::map<int, std::string> by_index;
  for (const Json& event : server.stream("/v1/completions", {{"prompt", {"a", "b"}}})) {
    for (const Json& choice : event["choices"]) by_index[choice["index"]] += choice["text"].get<std::string>();
  }
  EXPECT_EQ(by_index, (std::map<int, std::string>{{0, "a"}, {1, "b"}}));
}

TEST(Server, LogprobsComeInBothForms) {
  RunningServer server;
  server.generator.script = [](const Request&) { return FakeGenerator::Script{"h\xc3\xa9"}; };
  const Json old = server.post("/v1/completions", {{"prompt", "x"}, {"logprobs", 2}})["choices"][0]["logprobs"];
  EXPECT_EQ(old["tokens"], (Json{"h", "bytes:\\xc3", "bytes:\\xa9"}));
  EXPECT_EQ(old["text_offset"], (Json{0, 1, 2}));
  EXPECT_EQ(old["token_logprobs"][0], -0.5);
  EXPECT_EQ(old["top_logprobs"][0], (Json{{"h", -0.5}, {"i", -1.5}}));
  const Json messages = {{{"role", "user"}, {"content", "hi"}}};
  const Json chat =
      server.post("/v1/chat/completions",
                  {{"messages", messages}, {"logprobs", true}, {"top_logprobs", 1}})["choices"][0]["logprobs"];
  ASSERT_EQ(chat["content"].size(), 3u);
  EXPECT_EQ(chat["content"][1]["bytes"], (Json{0xc3}));
  EXPECT_EQ(chat["content"][0]["top_logprobs"].size(), 1u);
  std::size_t streamed = 0;
  for (const Json& event : server.stream("/v1/completions", {{"prompt", "x"}, {"logprobs", 0}})) {
    for (const Json& choice : event["choices"]) streamed += choice["logprobs"]["tokens"].size();
  }
  EXPECT_EQ(streamed, 3u);
}

TEST(Server, SmallRoutesAnswer) {
  RunningServer server;
  EXPECT_EQ(server.request("GET", "/health").status, 200);
  EXPECT_EQ(server.request("HEAD", "/health").status, 200);
  EXPECT_EQ(Json::parse(server.request("GET", "/version").body)["version"], "1.2.3");
  const Json models = Json::parse(server.request("GET", "/v1/models").body);
  EXPECT_EQ(models["data"][0]["id"], "test-model");
  EXPECT_EQ(models["data"][0]["max_model_len"], 4096);
  const Json tokens = server.post("/tokenize", {{"prompt", "abc x"}, {"return_token_strs", true}});
  EXPECT_EQ(tokens["count"], tokens["tokens"].size());
  EXPECT_EQ(server.post("/detokenize", {{"tokens", tokens["tokens"]}})["prompt"], "abc x");
  EXPECT_EQ(server.post("/detokenize", {{"tokens", {1, 304}}}, 400)["error"]["param"], "tokens");
  EXPECT_EQ(server.post("/tokenize", {{"messages", {{{"role", "user"}, {"content", "hi"}}}}})["count"], 8);
}

TEST(Server, MetricsAddUp) {
  RunningServer server;
  server.generator.script = [](const Request&) { return FakeGenerator::Script{"hello", false, {}, {}, 1, 2}; };
  server.post("/v1/completions", {{"prompt", "xyzxyz"}});
  server.post("/v1/completions", {{"prompt", "xyzxyz"}, {"n", 2}}, 400);
  EXPECT_TRUE(server.generator.wait_for_live(0));
  const std::string text = server.request("GET", "/metrics").body;
  const std::string labels = "{engine=\"0\",model_name=\"test-model\"} ";
  EXPECT_THAT(text, HasSubstr("vllm:request_prompt_tokens_sum" + labels + "6\n"));
  EXPECT_THAT(text, HasSubstr("vllm:request_generation_tokens_sum" + labels + "5\n"));
  EXPECT_THAT(text, HasSubstr("cairn_serve_requests_total{code=\"400\",route=\"/v1/completions\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("vllm:time_to_first_token_seconds_count" + labels + "1\n"));
  const auto summaries = server.summaries();
  ASSERT_EQ(summaries.size(), 1u);
  EXPECT_EQ(summaries[0].use.prompt_tokens, 6u);
  EXPECT_THAT(to_line(summaries[0]), HasSubstr("200 stop prompt=6 device=1 ram=2 computed=3 output=5 ttft="));
}

TEST(Server, OneModelIsFoundByItsName) {
  RunningServer server;
  const auto list = nlohmann::json::parse(server.request("GET", "/v1/models").body);
  for (const auto& model : list["data"]) {
    const SocketReply one = server.request("GET", "/v1/models/" + model["id"].get<std::string>());
    EXPECT_EQ(one.status, 200);
    EXPECT_EQ(nlohmann::json::parse(one.body), model);
  }
  EXPECT_EQ(server.request("GET", "http://somewhere/v1/models/test%2Dmodel").status, 200);
  for (const char* name : {"other", "test-model/", "a/b", "test-mode%6", "%"}) {
    const SocketReply none = server.request("GET", std::string("/v1/models/") + name);
    EXPECT_EQ(none.status, 404) << name;
    EXPECT_EQ(nlohmann::json::parse(none.body)["error"]["code"], "model_not_found") << name;
  }
  EXPECT_EQ(nlohmann::json::parse(server.request("GET", "/v1/models/").body)["error"]["code"], "not_found");
  EXPECT_THAT(server.request("GET", "/metrics").body, testing::Not(HasSubstr("other")));
}

TEST(Server, UnknownModelsPathsAndMethodsAreNamed) {
  RunningServer server;
  EXPECT_EQ(server.post("/v1/completions", {{"model", "other"}, {"prompt", "x"}}, 404)["error"]["code"],
            "model_not_found");
  EXPECT_EQ(server.post("/v1/completions", {{"model", "alias"}, {"prompt", "x"}})["model"], "alias");
  EXPECT_EQ(server.request("GET", "/nothing").status, 404);
  const SocketReply method = server.request("GET", "/v1/completions");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("Allow"), "POST");
  const auto status_of_type = [&server](const std::string& type) {
    SocketClient client(server.port());
    client.send("POST /detokenize HTTP/1.1\r\nHost: t\r\nContent-Type: " + type +
                "\r\nContent-Length: 13\r\n\r\n{\"tokens\":[]}");
    return client.read_reply().status;
  };
  for (const char* type : {"application/json", "Application/JSON", "application/json ; charset=utf-8"})
    EXPECT_EQ(status_of_type(type), 200) << type;
  for (const char* type : {"text/plain", "application/jsonx", "application/jso"})
    EXPECT_EQ(status_of_type(type), 415) << type;
}

TEST(Server, PromptsThatDoNotFitAreRefused) {
  RunningServer server;
  server.generator.limit.context_tokens_max = 100;
  const Json error = server.post("/v1/completions", {{"prompt", std::string(100, 'x')}}, 400)["error"];
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_THAT(error["message"].get<std::string>(), HasSubstr("maximum context length is 100 tokens"));
  EXPECT_EQ(
      server.post("/v1/completions", {{"prompt", std::string(90, 'x')}, {"max_tokens", 11}}, 400)["error"]["param"],
      "max_tokens");
  server.post("/v1/completions", {{"prompt", std::string(90, 'x')}});
  EXPECT_EQ(server.generator.requests().back().output_tokens_max, 10u);
  EXPECT_EQ(server.post("/v1/completions", {{"prompt", ""}}, 400)["error"]["param"], "prompt");
  EXPECT_EQ(server.post("/v1/completions", {{"prompt", {304}}}, 400)["error"]["param"], "prompt");
}

TEST(Server, RefusalsOfTheGeneratorKeepTheirMeaning) {
  for (const auto& [code, status] : std::vector<std::pair<ErrorCode, int>>{
           {ErrorCode::kInvalid, 400}, {ErrorCode::kExhausted, 429}, {ErrorCode::kUnavailable, 503}}) {
    RunningServer server;
    server.generator.script = [failure = code](const Request&) {
      return FakeGenerator::Script{"", false, Error{failure, "because"}, {}};
    };
    EXPECT_EQ(server.post("/v1/completions", {{"prompt", "x"}}, status)["error"]["message"], "because");
  }
}

TEST(Server, AFailureInTheMiddleOfAStreamIsAnEvent) {
  RunningServer server;
  server.generator.script = [](const Request&) {
    return FakeGenerator::Script{"ab", false, {}, Error{ErrorCode::kUnavailable, "broke"}};
  };
  const auto events = server.stream("/v1/completions", {{"prompt", "x"}});
  EXPECT_EQ(events.back()["error"]["message"], "broke");
  EXPECT_EQ(server.post("/v1/completions", {{"prompt", "x"}}, 503)["error"]["type"], "server_error");
}

TEST(Server, EveryRouteButHealthNeedsTheKey) {
  ServerConfig config;
  config.api_keys = {"alice=canary-alice", "bob=canary-bob"};
  RunningServer server(config);
  for (const Route& route : kRoutes) {
    const std::string method(route.method), path(route.path);
    for (const char* header :
         {"", "Authorization: Bearer\r\n", "Authorization: Bearer wrong\r\n", "Authorization: Basic canary-bob\r\n",
          "Authorization: Bearer canary-bo\r\n", "Authorization: Bearer canary-bobb\r\n"}) {
      const SocketReply reply = server.request(method, path, route.method == "POST" ? "{}" : "", header);
      EXPECT_EQ(reply.status, route.open ? 200 : 401) << method << " " << path << " " << header;
    }
    EXPECT_NE(
        server.request(method, path, route.method == "POST" ? "{}" : "", "Authorization: bearer canary-bob\r\n").status,
        401);
  }
  EXPECT_EQ(server.request("GET", "/nothing").status, 401);  // before routing
  EXPECT_EQ(server.request("GET", "/health/", "", "").status, 401);
  EXPECT_EQ(server.request("POST", "//health", "", "").status, 401);
}

TEST(Server, KeysNeverAppearAnywhereAndTenantsAreKeptApart) {
  ServerConfig config;
  config.api_keys = {"alice=canary-alice", "bob=canary-bob"};
  RunningServer server(config);
  const std::string key = "Authorization: Bearer canary-alice\r\nX-Request-Id: mine-1\r\n";
  const SocketReply reply = server.request("POST", "/v1/completions", R"({"prompt":"x","cache_salt":"pepper"})", key);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("X-Request-Id"), "mine-1");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(server.generator.requests().at(0).tenant.bytes.data()), 12),
            "alice|pepper");
  const std::string metrics = server.request("GET", "/metrics", "", key).body;
  for (const std::string& text : {reply.body, metrics, to_line(server.summaries().at(0))})
    EXPECT_THAT(text, Not(HasSubstr("canary")));
  EXPECT_EQ(server.summaries()[0].tenant, "alice");
}

TEST(Server, RequestIdsAreEchoedOnlyWhenHarmless) {
  RunningServer server;
  EXPECT_EQ(server.request("GET", "/health", "", "X-Request-Id: a.b-c_1:2\r\n").header("X-Request-Id"), "a.b-c_1:2");
  EXPECT_THAT(server.request("GET", "/health", "", "X-Request-Id: <script>\r\n").header("X-Request-Id"),
              StartsWith("req-"));
  EXPECT_THAT(
      server.request("GET", "/health", "", "X-Request-Id: " + std::string(129, 'a') + "\r\n").header("X-Request-Id"),
      StartsWith("req-"));
}

TEST(Server, LimitsOnSequencesUnderWay) {
  ServerConfig config;
  config.inflight_requests_max = 2;
  config.prompts_max = 3;
  RunningServer server(config);
  server.generator.allow(0);
  SocketClient first(server.port());
  first.send(http_request("POST", "/v1/completions", R"({"prompt":["a","b"]})"));
  ASSERT_TRUE(server.generator.wait_for_live(2));
  const SocketReply refused = server.request("POST", "/v1/completions", R"({"prompt":"x"})");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.header("Retry-After"), "1");
  server.generator.allow(FakeGenerator::kUnlimited);
  EXPECT_EQ(first.read_reply().status, 200);
  ASSERT_TRUE(server.generator.wait_for_live(0));
  server.post("/v1/completions", {{"prompt", {"a", "b", "c"}}}, 429);  // three at once do not fit either
  server.post("/v1/completions", {{"prompt", {"a", "b", "c", "d"}}}, 400);
}

TEST(Server, ReadyFileHoldsTheUrlOnceRequestsAreAccepted) {
  const std::string path = testing::TempDir() + "cairn_ready_" + std::to_string(::getpid());
  ServerConfig config;
  config.ready_file = path;
  RunningServer server(config);
  EXPECT_EQ(server.request("GET", "/health").status, 200);
  std::string url;
  std::getline(std::ifstream(path), url);
  EXPECT_EQ(url, "http://127.0.0.1:" + std::to_string(server.port()));
  ::unlink(path.c_str());
}

TEST(Server, RefusesToStartWithOneLine) {
  const auto tokenizer = make_tokenizer(small_tokenizer_json());
  FakeGenerator generator;
  SystemClock clock;
  const auto metrics = make_metrics();
  const auto refusal_of = [&](const ServerConfig& config) {
    ServerDeps deps{*tokenizer, clock, *metrics, null_log(), {"m"}, "1", nullptr, nullptr, nullptr};
    const auto server = Server::bind(config, generator, std::move(deps));
    return server ? "accepted" : server.error().detail;
  };
  ServerConfig config;
  config.listen = "0.0.0.0:0";
  EXPECT_THAT(refusal_of(config), HasSubstr("api_keys"));
  RunningServer other;
  config.listen = "127.0.0.1:" + std::to_string(other.port());
  EXPECT_THAT(refusal_of(config), HasSubstr("in use"));
  config.listen = "127.0.0.1:0";
  config.api_keys = {"cana ry"};
  EXPECT_THAT(refusal_of(config), Not(HasSubstr("cana ry")));
}

}  // namespace
}  // namespace cairn
