// Property: a request ends exactly once for its client and for the line per request, whatever order the ends come in.
#include "serve/completion_job.h"

#include <gmock/gmock.h>

#include "serve/running_server.h"

namespace cairn {
namespace {

TEST(CompletionJob, OneFailedSequenceFailsTheRequestAndCancelsTheOthers) {
  RunningServer server;
  server.generator.script = [](const Request& request) {
    if (request.prompt.at(0) == 'b')
      return FakeGenerator::Script{"ab", false, {}, Error{ErrorCode::kUnavailable, "broke"}};
    return FakeGenerator::Script{"x", true};
  };
  server.generator.limit.context_tokens_max = 2'000'000'000;
  server.post("/v1/completions", {{"prompt", {"a", "b"}}, {"max_tokens", 1'000'000'000}}, 503);
  EXPECT_TRUE(server.generator.wait_for_live(0));
  ASSERT_EQ(server.summaries().size(), 1u);
  EXPECT_EQ(server.summaries()[0].finish, "error");
}

TEST(CompletionJob, ARefusedLaterSequenceCancelsTheEarlierOnes) {
  RunningServer server;
  server.generator.script = [](const Request& request) {
    if (request.prompt.at(0) == 'b') return FakeGenerator::Script{"", false, Error{ErrorCode::kExhausted, "full"}, {}};
    return FakeGenerator::Script{"x", true};
  };
  server.generator.limit.context_tokens_max = 2'000'000'000;
  server.generator.allow(0);
  server.post("/v1/completions", {{"prompt", {"a", "b"}}, {"max_tokens", 1'000'000'000}}, 429);
  EXPECT_TRUE(server.generator.wait_for_live(0));
  EXPECT_TRUE(server.stop());
}

TEST(CompletionJob, TheSummaryOfACancelledRequestSaysSo) {
  RunningServer server;
  server.generator.allow(0);
  {
    SocketClient client(server.port());
    client.send(http_request("POST", "/v1/completions", R"({"prompt":"x"})"));
    ASSERT_TRUE(server.generator.wait_for_live(1));
  }
  ASSERT_TRUE(server.generator.wait_for_live(0));
  EXPECT_TRUE(server.stop());
  ASSERT_EQ(server.summaries().size(), 1u);
  EXPECT_EQ(server.summaries()[0].finish, "cancelled");
  EXPECT_EQ(server.summaries()[0].ttft_us, -1);
}

TEST(CompletionJob, TokenIdsComeBackWhenAsked) {
  RunningServer server;
  const nlohmann::json reply = server.post("/v1/completions", {{"prompt", "xy"}, {"return_token_ids", true}});
  EXPECT_EQ(reply["choices"][0]["token_ids"], (nlohmann::json{'h', 'e', 'l', 'l', 'o'}));
  EXPECT_EQ(reply["choices"][0]["prompt_token_ids"], (nlohmann::json{'x', 'y'}));
}

}  // namespace
}  // namespace cairn
