// Property: in a conversation every turn's answer is what the model gives without any cache, although its history,
// generated tokens included, comes from tiers; and whatever tiers drop, damage or delay, every request succeeds with
// the same tokens.
#include <gtest/gtest.h>

#include "differential/differential_world.h"
#include "tier/faulty.h"

namespace cairn::test {
namespace {

TEST(Conversation, HistoryThatDecodeWroteIsReused) {
  Model model = random_llama();
  for (const bool save : {true, false}) {
    SystemClock clock;
    CacheHost cache(model, tiers(ram_tier(model, clock)));
    EngineHost plain(model, nullptr, {.pages = 128});
    std::vector<TokenId> history;
    std::uint64_t decoded_reused = 0;
    for (std::uint64_t turn = 0; turn < (kSanitized ? 10u : 20u); ++turn) {
      const auto words = model.prompt(20 + turn, 100 + turn);
      const std::size_t before = history.size();
      history.insert(history.end(), words.begin(), words.end());
      EngineHost host(model, &cache, {.pages = 128, .save_decode_cache = save});  // nothing on the device
      const Trace cached = host.trace(history, 40);
      const Trace alone = plain.trace(history, 40);
      EXPECT_EQ(difference(alone, cached), "") << "turn " << turn << " save " << save;
      EXPECT_EQ(cached.use.device_tokens, 0u);
      if (save) {
        EXPECT_EQ(cached.use.cached_tokens(), before == 0 ? 0 : (before - 1) / 256 * 256) << turn;
      }
      decoded_reused += cached.use.cached_tokens();
      history.insert(history.end(), cached.tokens.begin(), cached.tokens.end());
    }
    EXPECT_GT(decoded_reused, kSanitized ? 500u : 2000u);
  }
}

TEST(Conversation, DroppedAndDamagedBlocksAreRecomputed) {
  Model model = random_llama();
  std::uint64_t loaded = 0, failed_reasons = 0;
  for (std::uint64_t seed = 1; seed <= (kSanitized ? 2u : 6u); ++seed) {
    SystemClock clock;
    TemporaryDirectory directory;
    FaultyConfig faults;
    faults.seed = seed;
    faults.vanish = 0.15, faults.corrupt = 0.1, faults.fail = 0.1, faults.delay = 0.2, faults.refuse = 0.05;
    CacheHost cache(model, tiers(ram_tier(model, clock, 4 * model.layout().block_bytes(0)),
                                 std::unique_ptr<Tier>(std::make_unique<FaultyTier>(
                                     file_tier(model, directory.path(), clock), faults, clock))));
    EngineHost plain(model, nullptr, {.pages = 256});
    EngineHost host(model, &cache, {.step_tokens_max = 100, .pages = 80});
    const auto base = model.prompt(1024, 7);
    for (std::uint64_t i = 0; i < 10; ++i) {
      std::vector<TokenId> prompt(base.begin(),
                                  base.begin() + 256 * static_cast<std::ptrdiff_t>(1 + (i * 3 + seed) % 4));
      const auto words = model.prompt(3 + i, i);
      prompt.insert(prompt.end(), words.begin(), words.end());
      const Trace cached = host.trace(prompt, 3);
      EXPECT_EQ(difference(plain.trace(prompt, 3), cached), "") << "seed " << seed << " request " << i;
      for (const auto& [tier, tokens] : cached.use.tier_tokens) loaded += tokens;
      for (const auto& [reason, tokens] : cached.use.missed_tokens) {
        if (reason != to_string(MissReason::kTail) && reason != to_string(MissReason::kAbsent)) ++failed_reasons;
      }
      Sink flush;  // takes the device's pages away from the next one
      host.start(model.prompt(1200, 1000 * seed + i), 1, flush);
      host.settle();
      EXPECT_TRUE(flush.finished);
    }
  }
  EXPECT_GT(loaded, 1000u);
  EXPECT_GT(failed_reasons, kSanitized ? 0u : 3u);
}

TEST(Conversation, ManyAtOnceWithPreemptionGiveTheTokensOfEachAlone) {
  Model model = random_llama();
  SystemClock clock;
  CacheHost cache(model, tiers(ram_tier(model, clock)));
  EngineHost plain(model, nullptr, {.pages = 128});
  EngineHost host(model, &cache, {.threads = 2, .step_tokens_max = 100, .pages = 70});
  const auto common = model.prompt(300, 1);
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::unique_ptr<Sink>> sinks;
  for (std::uint64_t i = 0; i < 6; ++i) {
    std::vector<TokenId> prompt = i % 2 == 0 ? common : model.prompt(250, 60 + i);
    const auto words = model.prompt(5 + 9 * i, 50 + i);
    prompt.insert(prompt.end(), words.begin(), words.end());
    prompts.push_back(prompt);
    sinks.push_back(std::make_unique<Sink>());
    host.start(prompt, 150, *sinks.back());
  }
  host.settle();
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_TRUE(sinks[i]->finished);
    EXPECT_EQ(sinks[i]->tokens, plain.trace(prompts[i], 150).tokens) << i;
  }
}

}  // namespace
}  // namespace cairn::test
