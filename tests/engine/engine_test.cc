// Property: whatever the cache does and whenever a request is cancelled or preempted, each request gets exactly the
// tokens that computing its whole prompt alone would give, its prompt is accounted for exactly, and no page is lost.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include "engine/world.h"

namespace cairn::testing {
namespace {

EngineConfig small_steps() {
  EngineConfig config;
  config.step_tokens_max = 24;
  config.sequences_max = 8;
  return config;
}

void expect_exact(const CacheUse& use) {
  std::uint64_t sum = use.device_tokens + use.computed_tokens, missed = 0;
  for (const auto& [tier, tokens] : use.tier_tokens) sum += tokens;
  for (const auto& [reason, tokens] : use.missed_tokens) missed += tokens;
  EXPECT_EQ(sum, use.prompt_tokens);
  EXPECT_EQ(missed, use.computed_tokens);
  EXPECT_GE(use.computed_tokens, 1u);
}

TEST(Engine, TokensAreThoseOfThePromptAlone) {
  World world;
  const auto prompt = random_tokens(1, 100);
  FakeSink sink;
  world.start(prompt, 20, sink);
  world.finish();
  EXPECT_EQ(sink.tokens, oracle(prompt, 20));
  EXPECT_TRUE(sink.ended_as(FinishReason::kLength));
  EXPECT_EQ(sink.prompts, 1);
  EXPECT_EQ(sink.use.computed_tokens, 100u);
  world.expect_no_leak();
}

TEST(Engine, SecondRequestFindsThePrefixOnTheDevice) {
  World world;
  const auto prompt = random_tokens(2, 64);
  FakeSink first, second;
  world.start(prompt, 4, first);
  world.finish();
  world.start(prompt, 4, second);
  world.finish();
  EXPECT_EQ(second.tokens, first.tokens);
  EXPECT_EQ(second.use.device_tokens, 48u) << "prompt - 1, rounded down to a page";
  expect_exact(second.use);
  world.expect_no_leak();
}

TEST(Engine, GeneratedTokensAreReusedInTheNextTurn) {
  World world;
  auto prompt = random_tokens(3, 50);
  FakeSink first, second;
  world.start(prompt, 60, first);
  world.finish();
  prompt.insert(prompt.end(), first.tokens.begin(), first.tokens.end());
  prompt.push_back(5);
  world.start(prompt, 5, second);
  world.finish();
  EXPECT_EQ(second.tokens, oracle(prompt, 5));
  EXPECT_EQ(second.use.device_tokens, 96u);
}

TEST(Engine, AnotherTenantFindsNothing) {
  World world;
  const auto prompt = random_tokens(4, 64);
  FakeSink first, second;
  world.start(prompt, 4, first);
  world.finish();
  PrincipalTag other;
  other.bytes[3] = 1;
  world.start(prompt, 4, second, other);
  world.finish();
  EXPECT_EQ(second.use.device_tokens, 0u);
  EXPECT_EQ(second.tokens, first.tokens);
}

TEST(Engine, TwoEqualPromptsAtOnceAreComputedOnce) {
  World world({.engine = small_steps()});
  const auto prompt = random_tokens(5, 160);
  FakeSink first, second;
  world.start(prompt, 3, first);
  world.start(prompt, 3, second);
  world.finish();
  EXPECT_EQ(first.tokens, oracle(prompt, 3));
  EXPECT_EQ(second.tokens, first.tokens);
  EXPECT_EQ(first.use.computed_tokens, 160u);
  EXPECT_EQ(second.use.device_tokens, 144u);
  EXPECT_EQ(second.use.computed_tokens, 16u);
  world.expect_no_leak();
}

TEST(Engine, FollowerComputesItselfWhenTheOtherIsCancelled) {
  World world({.engine = small_steps()});
  const auto prompt = random_tokens(6, 160);
  FakeSink first, second;
  const RequestId id = world.start(prompt, 3, first);
  world.start(prompt, 3, second);
  world.engine.step();
  world.engine.step();
  world.engine.cancel(id);
  world.finish();
  EXPECT_TRUE(first.ended_as(FinishReason::kCancelled));
  EXPECT_EQ(second.tokens, oracle(prompt, 3));
  EXPECT_EQ(second.use.device_tokens, 48u) << "two steps of 24";
  world.expect_no_leak();
}

// Saves a prompt's chunks with one world's cache, then empties the device by other traffic.
struct Stored {
  explicit Stored(const WorldConfig& config, std::size_t tokens = 160)
      : world(config), prompt(random_tokens(7, tokens)) {
    FakeSink sink, flush;
    world.start(prompt, 2, sink);
    world.finish();
    world.start(random_tokens(8, (config.pages - 1) * kPageTokens), 2, flush);
    world.finish();
    world.runner.computed_tokens = 0;
  }
  World world;
  std::vector<TokenId> prompt;
};

TEST(Engine, LoadsWhatTheDeviceLost) {
  Stored s({.pages = 16, .engine = small_steps()});
  FakeSink sink;
  s.world.start(s.prompt, 5, sink);
  s.world.finish();
  EXPECT_EQ(sink.tokens, oracle(s.prompt, 5));
  EXPECT_EQ(sink.use.device_tokens, 0u);
  EXPECT_EQ(sink.use.cached_tokens(), 128u) << "160 is five chunks of 32; the last holds the token to compute";
  expect_exact(sink.use);
  s.world.expect_no_leak();
}

TEST(Engine, RecomputesFromTheLastValidPageWhenALoadFails) {
  for (std::size_t good = 0; good <= 128; good += 8) {
    Stored s({.pages = 16, .engine = small_steps()});
    s.world.connector.delay = [] { return 3; };
    s.world.connector.load_limit = [good](TokenRange) { return good; };
    FakeSink sink;
    s.world.start(s.prompt, 5, sink);
    s.world.finish();
    EXPECT_EQ(sink.tokens, oracle(s.prompt, 5)) << good;
    EXPECT_TRUE(sink.ended_as(FinishReason::kLength));
    s.world.expect_no_leak();
  }
}

TEST(Engine, NeverComputesIntoPagesThatAnAbandonedLoadMayStillWrite) {
  Stored s({.pages = 16, .engine = small_steps()});
  std::set<std::uint32_t> stuck;
  s.world.connector.load_limit = [&](TokenRange) -> std::size_t {
    stuck = {s.world.connector.loaded_pages.at(1).index, s.world.connector.loaded_pages.at(6).index};
    s.world.held = stuck;
    return 0;
  };
  FakeSink sink;
  s.world.start(s.prompt, 5, sink);
  for (int turn = 0; turn < 200 && !s.world.engine.quiet(); ++turn) {
    s.world.engine.step();
    for (const std::uint32_t page : stuck) s.world.memory.slots[page].assign(kPageTokens, 0xdead);  // the late write
  }
  EXPECT_EQ(stuck.size(), 2u);
  EXPECT_EQ(sink.tokens, oracle(s.prompt, 5));
  EXPECT_EQ(s.world.pages.held_back(), 2u);
  s.world.held.clear();
  FakeSink again;
  s.world.start(s.prompt, 1, again);
  s.world.finish();
  EXPECT_EQ(s.world.pages.held_back(), 0u);
  s.world.expect_no_leak();
}

TEST(Engine, AsksAgainUntilTheLookupAnswersAndServesOthersMeanwhile) {
  Stored s({.pages = 32, .engine = small_steps()});
  FakeSink slow, quick;
  s.world.connector.ask_again[RequestId{3}] = 50;
  s.world.start(s.prompt, 2, slow);
  s.world.start(random_tokens(9, 20), 2, quick);
  for (int turn = 0; turn < 20; ++turn) s.world.engine.step();
  EXPECT_TRUE(quick.ended_as(FinishReason::kLength));
  EXPECT_TRUE(slow.end.empty());
  s.world.finish();
  EXPECT_EQ(slow.tokens, oracle(s.prompt, 2));
  EXPECT_EQ(slow.use.cached_tokens(), 128u);
}

TEST(Engine, CancelsInEveryState) {
  for (int turns = 0; turns < 40; ++turns) {
    Stored s({.pages = 16, .engine = small_steps()});
    s.world.connector.delay = [] { return 4; };
    s.world.connector.ask_again[RequestId{3}] = 3;
    FakeSink sink, other;
    const RequestId id = s.world.start(s.prompt, 60, sink);
    for (int turn = 0; turn < turns; ++turn) s.world.engine.step();
    s.world.engine.cancel(id);
    s.world.engine.cancel(id);
    s.world.finish();
    EXPECT_TRUE(sink.ended_as(FinishReason::kCancelled)) << turns;
    s.world.expect_no_leak();
    s.world.start(s.prompt, 3, other);
    s.world.finish();
    EXPECT_EQ(other.tokens, oracle(s.prompt, 3)) << turns;
  }
}

TEST(Engine, PreemptedRequestsContinueWithTheSameTokens) {
  for (const int delay : {0, 5}) {
    World world({.pages = 14, .engine = small_steps()});
    world.connector.delay = [delay] { return delay; };
    std::vector<std::unique_ptr<FakeSink>> sinks;
    for (std::uint64_t i = 0; i < 3; ++i) {
      sinks.push_back(std::make_unique<FakeSink>());
      world.start(random_tokens(20 + i, 40), 70, *sinks.back());
    }
    world.finish();
    std::uint32_t preemptions = 0;
    for (std::uint64_t i = 0; i < 3; ++i) {
      EXPECT_EQ(sinks[i]->tokens, oracle(random_tokens(20 + i, 40), 70)) << i;
      EXPECT_EQ(sinks[i]->prompts, 1);
      ASSERT_TRUE(sinks[i]->ended_as(FinishReason::kLength));
      preemptions += sinks[i]->end[0]->preemptions;
    }
    EXPECT_GT(preemptions, 0u);
    world.expect_no_leak();
  }
}

TEST(Engine, FailingStepEndsOnlyItsRequests) {
  World world({.engine = small_steps()});
  FakeSink first, second;
  world.start(random_tokens(30, 20), 5, first);
  world.runner.fail_next = 2;
  world.engine.step();
  world.start(random_tokens(31, 20), 5, second);
  world.connector.ask_again[RequestId{2}] = 1;
  world.finish();
  ASSERT_EQ(first.end.size(), 1u);
  ASSERT_FALSE(first.end[0].has_value());
  EXPECT_EQ(first.end[0].error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(second.tokens, oracle(random_tokens(31, 20), 5));
  world.expect_no_leak();
}

TEST(Engine, StopsAtTheModelsEndAndAtTheRequestsUnlessTold) {
  const auto prompt = random_tokens(40, 30);
  const auto expected = oracle(prompt, 10);
  World world({.eos = {expected[4]}});
  FakeSink stopped, ignoring, own;
  world.start(prompt, 10, stopped);
  Request request;
  request.prompt = prompt;
  request.output_tokens_max = 10;
  request.ignore_eos = true;
  request.sampling.temperature = 0;
  ASSERT_TRUE(world.engine.start(request, ignoring).has_value());
  request.stop_tokens = {expected[2]};
  ASSERT_TRUE(world.engine.start(request, own).has_value());
  world.finish();
  EXPECT_TRUE(stopped.ended_as(FinishReason::kStop));
  EXPECT_LE(stopped.tokens.size(), 5u);
  EXPECT_EQ(ignoring.tokens, expected);
  EXPECT_TRUE(own.ended_as(FinishReason::kStop));
  EXPECT_LE(own.tokens.size(), 3u);
}

TEST(Engine, RefusesWhatCannotBeServedAndNamesIt) {
  World world({.pages = 8, .engine = {.queue_max = 2}});
  FakeSink sink;
  const auto code = [&](Request request) {
    const auto result = world.engine.start(std::move(request), sink);
    return result ? std::string("accepted") : std::string(to_string(result.error().code));
  };
  EXPECT_EQ(code({}), to_string(ErrorCode::kInvalid));
  EXPECT_EQ(code({.prompt = {kVocabulary}}), to_string(ErrorCode::kInvalid));
  EXPECT_EQ(code({.prompt = random_tokens(1, 128)}), to_string(ErrorCode::kInvalid));
  EXPECT_EQ(code({.prompt = {1}, .output_tokens_max = 0}), to_string(ErrorCode::kInvalid));
  EXPECT_EQ(code({.prompt = {1}, .sampling = {.top_p = 0}}), to_string(ErrorCode::kInvalid));
  EXPECT_EQ(world.engine.limits().context_tokens_max, 128u);
  FakeSink one, two;
  world.start({1}, 1, one);
  world.start({2}, 500, two);
  EXPECT_EQ(code({.prompt = {3}}), to_string(ErrorCode::kExhausted));
  world.finish();
  EXPECT_EQ(two.tokens.size(), 127u) << "the output ends where the context does";
  world.engine.close();
  EXPECT_EQ(code({.prompt = {3}}), to_string(ErrorCode::kUnavailable));
}

TEST(Engine, SavesDecodedChunksOnlyWhenAsked) {
  for (const bool save : {false, true}) {
    EngineConfig config = small_steps();
    config.save_decode_cache = save;
    World world({.pages = 16, .engine = config});
    auto prompt = random_tokens(50, 40);
    FakeSink sink, flush, next;
    world.start(prompt, 100, sink);
    world.finish();
    world.start(random_tokens(51, 240), 2, flush);
    world.finish();
    prompt.insert(prompt.end(), sink.tokens.begin(), sink.tokens.end());
    world.start(prompt, 3, next);
    world.finish();
    EXPECT_EQ(next.use.cached_tokens(), save ? 128u : 32u);
    EXPECT_EQ(next.tokens, oracle(prompt, 3));
  }
}

TEST(Engine, MetricsCarryTheNamesThatDashboardsRead) {
  World world;
  FakeSink sink;
  world.start(random_tokens(60, 64), 4, sink);
  world.finish();
  const std::string text = world.metrics->expose();
  for (const char* line : {"vllm:prompt_tokens_total{engine=\"0\",model_name=\"fake\"} 64",
                           "vllm:generation_tokens_total{engine=\"0\",model_name=\"fake\"} 4",
                           "vllm:request_queue_time_seconds_count{engine=\"0\",model_name=\"fake\"} 1",
                           "vllm:request_prefill_time_seconds_count{engine=\"0\",model_name=\"fake\"} 1",
                           "vllm:request_inference_time_seconds_count{engine=\"0\",model_name=\"fake\"} 1",
                           "vllm:inter_token_latency_seconds_count{engine=\"0\",model_name=\"fake\"} 3",
                           "vllm:num_preemptions_total{engine=\"0\",model_name=\"fake\"} 0"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

}  // namespace
}  // namespace cairn::testing
