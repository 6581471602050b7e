// What one request computed another finds, page for page; device pages are never written; the accounts are exact.
#include "connector/cache_connector.h"

#include <gtest/gtest.h>

#include "connector/connector_world.h"

namespace cairn::test {
namespace {

const FakeTier::Options kRam{.name = "ram", .lends = true};
const FakeTier::Options kFile{.name = "file", .latency_us = 1000};

std::size_t reason(const RequestTally& tally, MissReason of) { return tally.missed[static_cast<std::size_t>(of)]; }

TEST(CacheConnector, FindsWhatWasSavedUpToTheLastPageBeforeThePromptsEnd) {
  ConnectorWorld world({kRam, kFile});
  const auto prompt = prompt_of(1, 200);  // three chunks and a tail of 8
  world.store(1, prompt);
  for (const auto& [tokens, expected] : std::vector<std::pair<std::size_t, std::size_t>>{{200, 192},
                                                                                         {193, 192},
                                                                                         {192, 176},
                                                                                         {191, 128},
                                                                                         {129, 128},
                                                                                         {128, 112},
                                                                                         {65, 64},
                                                                                         {64, 48},
                                                                                         {63, 0},
                                                                                         {1, 0}}) {
    const auto short_prompt = std::span(prompt).first(tokens);
    const Match match = world.matched({10 + tokens}, short_prompt);
    EXPECT_EQ(match.tokens, expected) << tokens;
    world.connector->release({10 + tokens});
  }
}

// Every place where the device's part may end and where the load may end.
TEST(CacheConnector, LoadsEveryRangeOfPagesAndTouchesNoOther) {
  for (const ShardGrid grid : {ShardGrid{}, ShardGrid{1, 0}, ShardGrid{0, 1}, ShardGrid{1, 1}}) {
    ConnectorWorld world({kRam, kFile}, grid);
    const auto prompt = prompt_of(2, 200);
    world.store(1, prompt);
    std::uint64_t id = 100;
    for (std::uint32_t device = 0; device < 192; device += 16) {
      for (std::uint32_t end = device + 16; end <= 192; end += 16) {
        ++id;
        std::memset(world.pool->data(), 0x33, world.pool->size());
        const auto pages = world.table(20, prompt.size());
        const Match match = world.matched({id}, prompt, device);
        ASSERT_EQ(match.tokens, 192 - device);
        world.connector->load({id}, {device, end}, std::span(pages).subspan(device / 16, (end - device) / 16));
        world.pass(100'000);
        ASSERT_EQ(world.loaded.size(), 1u);
        ASSERT_EQ(world.loaded[0].tokens, end - device);
        world.loaded.clear();
        for (std::uint32_t page = 0; page < ConnectorWorld::kPages; ++page) {
          const bool wanted = page >= 20 + device / 16 && page < 20 + end / 16;
          if (wanted) {
            ASSERT_TRUE(world.right(prompt, page - 20, {page})) << device << " " << end << " " << page;
          } else {
            ASSERT_EQ(world.pool->data()[page * world.stride], std::byte{0x33}) << page;
          }
        }
        const RequestTally tally = world.connector->tally({id}, 200, device);
        EXPECT_EQ(world.sum(tally), end - device);
        EXPECT_EQ(world.missed(tally), 200 - end);
        EXPECT_EQ(reason(tally, MissReason::kTail), 8u);
        EXPECT_EQ(reason(tally, MissReason::kBusy), 192 - end);
        world.connector->release({id});
      }
    }
  }
}

TEST(CacheConnector, SavesEachChunkOnceAsTheSequenceGrows) {
  ConnectorWorld world({kFile});
  const auto tokens = prompt_of(3, 200);
  world.matched({1}, std::span(tokens).first(70));
  const auto pages = world.table(0, 200);
  for (std::uint32_t page = 0; page < 12; ++page) world.compute(tokens, page, pages[page]);
  EXPECT_TRUE(world.connector->save({1}, std::span(tokens).first(70), pages));
  EXPECT_FALSE(world.connector->save({1}, std::span(tokens).first(127), pages));
  EXPECT_TRUE(world.connector->save({1}, std::span(tokens).first(192), pages));
  EXPECT_TRUE(world.saved.empty());
  world.pass(1'000'000);
  ASSERT_EQ(world.saved.size(), 1u) << "reported once, when all saves are over";
  EXPECT_EQ(world.fakes[0]->blocks(), 3u);
  EXPECT_EQ(std::count(world.fakes[0]->verbs.begin(), world.fakes[0]->verbs.end(), Verb::kPut), 2);
}

TEST(CacheConnector, TenantsNeverShare) {
  ConnectorWorld world({kRam, kFile});
  const auto prompt = prompt_of(4, 200);
  PrincipalTag one, two;
  one.bytes[0] = 1;
  two.bytes[0] = 2;
  world.store(1, prompt, one);
  EXPECT_EQ(world.matched({2}, prompt, 0, two).tokens, 0u);
  EXPECT_EQ(world.matched({3}, prompt, 0, {}).tokens, 0u);
  EXPECT_EQ(world.matched({4}, prompt, 0, one).tokens, 192u);
}

TEST(CacheConnector, AsksAgainWhenTheDeviceGaveUpWhatItHad) {
  ConnectorWorld world({kFile});
  const auto prompt = prompt_of(5, 200);
  world.store(1, prompt);
  EXPECT_EQ(world.matched({2}, prompt, 128).tokens, 64u);
  EXPECT_EQ(world.matched({2}, prompt, 160).tokens, 32u);
  EXPECT_EQ(world.matched({2}, prompt, 16).tokens, 176u);
}

TEST(CacheConnector, AHangingLoadIsReportedInTimeAndItsPagesAreHeld) {
  ConnectorWorld world({kFile});
  const auto prompt = prompt_of(6, 200);
  world.store(1, prompt);
  world.matched({2}, prompt);
  world.fakes[0]->hang_all = world.fakes[0]->deaf_all = true;
  const auto pages = world.table(40, 192);
  world.connector->load({2}, {0, 192}, pages);
  world.pass(211'000);
  ASSERT_EQ(world.loaded.size(), 1u);
  EXPECT_EQ(world.loaded[0].tokens, 0u);
  EXPECT_TRUE(world.connector->held(pages[0]));
  EXPECT_FALSE(world.connector->held({1}));
  const RequestTally tally = world.connector->tally({2}, 200, 0);
  EXPECT_EQ(reason(tally, MissReason::kStalled), 192u);
  EXPECT_GE(tally.forecast.planned_tokens, 192u) << "what was expected stays beside what happened";
  EXPECT_EQ(world.missed(tally), 200u);
  world.fakes[0]->release_hanging();
  world.pass(1000);
  EXPECT_FALSE(world.connector->held(pages[0]));
}

TEST(CacheConnector, LoadsWaitForScratchPagesAndOnesThatNeedTooManyAreNotLoaded) {
  ConnectorWorld world({kFile}, {}, {.scratch_pages = 4});
  const auto prompt = prompt_of(7, 200);
  world.store(1, prompt);
  for (std::uint64_t id = 2; id < 6; ++id) {
    ASSERT_EQ(world.matched({id}, prompt, 48).tokens, 144u);
    world.connector->load({id}, {48, 192},
                          world.table(static_cast<std::uint32_t>(id) * 12, 144));  // 3 scratch pages each
  }
  world.matched({6}, prompt, 48);
  world.connector->load({6}, {48, 80}, world.table(100, 32));  // 3 leading, 3 behind: more than there are
  for (int step = 0; step < 5; ++step) world.pass(1'000'000);
  ASSERT_EQ(world.loaded.size(), 5u);
  for (const LoadReport& load : world.loaded) EXPECT_EQ(load.tokens, load.id.number == 6 ? 0u : 144u);
  EXPECT_EQ(reason(world.connector->tally({6}, 200, 48), MissReason::kBusy), 144u);
}

// Half of a chunk of 128 pages is on the device already, whichever half.
TEST(CacheConnector, AChunkOfManyPagesLoadsThoughHalfOfItIsNotWanted) {
  ConnectorWorld world({kFile}, {}, {}, {}, 2048);
  const auto prompt = prompt_of(9, 2056);
  world.store(1, prompt);
  const auto pages = world.table(0, 1024);
  ASSERT_EQ(world.matched({2}, prompt, 1024).tokens, 1024u);
  world.connector->load({2}, {1024, 2048}, pages);
  ASSERT_EQ(world.matched({3}, prompt).tokens, 2048u);
  const auto lone = world.table(100, 16);
  world.connector->load({3}, {1008, 1024}, lone);  // one page: 63 leading, 64 behind
  for (int step = 0; step < 5; ++step) world.pass(1'000'000);
  ASSERT_EQ(world.loaded.size(), 2u);
  for (const LoadReport& load : world.loaded) EXPECT_EQ(load.tokens, load.id.number == 2 ? 1024u : 16u);
  for (std::uint32_t page = 0; page < 64; ++page) EXPECT_TRUE(world.right(prompt, 64 + page, pages[page])) << page;
  EXPECT_TRUE(world.right(prompt, 63, lone[0]));
}

TEST(CacheConnector, ReleaseEndsWhatIsUnderWayAndTheIdMayBeUsedAgain) {
  ConnectorWorld world({kFile});
  const auto prompt = prompt_of(8, 200);
  world.store(1, prompt);
  EXPECT_EQ(world.connector->match({.id = {2}, .prompt = prompt}).state, Match::State::kAskAgain);
  world.connector->release({2});
  EXPECT_EQ(world.matched({2}, prompt).tokens, 192u);
  world.connector->load({2}, {0, 192}, world.table(0, 192));
  world.connector->release({2});
  world.pass(1'000'000);
  ASSERT_EQ(world.loaded.size(), 1u);
  EXPECT_TRUE(world.connector->idle());
  EXPECT_EQ(world.matched({2}, prompt).tokens, 192u);
}

TEST(CacheConnector, MeasuresPrefillAndFollowsIt) {
  ConnectorWorld world({kFile});
  EXPECT_EQ(world.connector->prefill_tokens_per_s(), 0);
  for (int i = 0; i < 50; ++i) world.connector->observe_prefill(100, 100'000);
  EXPECT_NEAR(world.connector->prefill_tokens_per_s(), 1000, 1);
  for (int i = 0; i < 50; ++i) world.connector->observe_prefill(100, 10'000);
  EXPECT_NEAR(world.connector->prefill_tokens_per_s(), 10'000, 600);
}

// Whatever tiers do: a page that is called loaded is right, and every account adds up.
TEST(CacheConnector, AccountsAreExactUnderFaults) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    ConnectorWorld world({kRam, kFile, {.name = "s3", .latency_us = 30'000}},
                         seed % 2 == 0 ? ShardGrid{1, 1} : ShardGrid{});
    Random random(seed);
    const auto prompt = prompt_of(seed, 64 + random.below(400));
    world.store(1, prompt);
    for (std::uint64_t id = 2; id < 8; ++id) {
      for (FakeTier* fake : world.fakes) {
        fake->faults = {
            .fail = 0.03, .miss = 0.03, .corrupt = 0.03, .refuse = 0.1, .hang = 0.05, .deaf = 0, .abandons = 0.1};
        fake->evict_some(random.below(4));
      }
      const auto device = static_cast<std::uint32_t>(random.below(prompt.size() / 16)) * 16;
      const Match match = world.matched({id}, prompt, device);
      std::size_t got = 0;
      const auto pages = world.table(40, prompt.size());
      if (match.tokens != 0) {
        const auto end = device + static_cast<std::uint32_t>(match.tokens);
        world.loaded.clear();
        world.connector->load({id}, {device, end}, std::span(pages).subspan(device / 16, match.tokens / 16));
        world.pass(1'000'000);
        ASSERT_EQ(world.loaded.size(), 1u) << seed;
        got = world.loaded[0].tokens;
        // Also after the late bytes of every call that was left behind have arrived.
        for (const bool late : {false, true}) {
          for (FakeTier* fake : world.fakes) {
            if (late) fake->release_hanging();
          }
          for (std::uint32_t page = device / 16; page < (device + got) / 16; ++page) {
            ASSERT_TRUE(world.right(prompt, page, pages[page])) << seed << " " << page << " " << late;
            ASSERT_FALSE(late && world.connector->held(pages[page]));
          }
        }
      }
      const RequestTally tally = world.connector->tally({id}, prompt.size(), device);
      ASSERT_EQ(world.sum(tally), got) << seed;
      ASSERT_EQ(device + world.sum(tally) + world.missed(tally), prompt.size()) << seed;
      EXPECT_EQ(tally.missed[0], 0u);
      world.connector->release({id});
      world.pass(10'000);
    }
  }
}

}  // namespace
}  // namespace cairn::test
