// Property: one turn takes decodes first, then admits in order of arrival, then fills the step with prefill chunks.
#include <gtest/gtest.h>

#include "engine/fakes.h"
#include "engine/scheduler.h"

namespace cairn::testing {
namespace {

struct Small {
  explicit Small(SchedulerConfig config = {.chunk_tokens = 32, .step_tokens_max = 20, .sequences_max = 4},
                 std::uint32_t count = 8)
      : pages(count, kPageTokens, [](PageId) { return false; }), scheduler(config, pages) {}
  Step turn() {
    for (const Unmatched& u : scheduler.unmatched()) scheduler.matched(u.id, 0);
    Step step = scheduler.plan();
    std::vector<TokenId> sampled;
    for (const Slice& s : step.run) {
      if (s.sample) sampled.push_back(50);
    }
    scheduler.commit(step, sampled);
    return step;
  }
  DevicePages pages;
  Scheduler scheduler;
};

TEST(Plan, DecodesComeFirstAndPrefillsFillTheStep) {
  Small small;
  small.scheduler.add({1}, {random_tokens(1, 10), 5, {}, {}});
  EXPECT_EQ(to_string(small.turn()), "run 1[0,10)* p0");
  small.scheduler.add({2}, {random_tokens(2, 40), 5, {}, {}});
  EXPECT_EQ(to_string(small.turn()), "run 1[10,11)* p0 2[0,19) p1,2");
  EXPECT_EQ(to_string(small.turn()), "run 1[11,12)* p0 2[19,38) p1,2,3 | save 2[0,32) p1,2");
  EXPECT_EQ(to_string(small.turn()), "run 1[12,13)* p0 2[38,40)* p1,2,3");
}

// Two equal prompts that end with a page: the second computes the last page itself, while the first fills it too, and
// is no part of the tree from there on, however long its answer.
TEST(Plan, EqualPromptsOfWholePagesAnswerPastTheNextPage) {
  Small small({.chunk_tokens = 32, .step_tokens_max = 16, .sequences_max = 4}, 16);
  for (std::uint64_t i = 1; i <= 2; ++i) small.scheduler.add({i}, {random_tokens(1, 2 * kPageTokens), 60, {}, {}});
  for (int turn = 0; turn < 80; ++turn) small.turn();
  EXPECT_TRUE(small.scheduler.unmatched().empty());
  EXPECT_EQ(small.scheduler.active(), 0u);
  EXPECT_EQ(small.pages.free() + small.scheduler.tree().evictable(), small.pages.capacity());
}

TEST(Plan, APromptBesideDecodesTakesSmallerSteps) {
  Small small({.chunk_tokens = 32, .step_tokens_max = 20, .mixed_step_tokens = 6, .sequences_max = 4});
  small.scheduler.add({1}, {random_tokens(1, 10), 3, {}, {}});
  small.turn();
  small.scheduler.add({2}, {random_tokens(2, 40), 5, {}, {}});
  EXPECT_EQ(to_string(small.turn()), "run 1[10,11)* p0 2[0,6) p1");
  EXPECT_EQ(to_string(small.turn()), "run 1[11,12)* p0 2[6,12) p1");
  EXPECT_EQ(to_string(small.turn()), "run 2[12,32) p1,2 | save 2[0,32) p1,2") << "1 ended: nobody waits for a token";
}

TEST(Plan, NoMoreSequencesThanAllowedRunAtOnce) {
  Small small({.chunk_tokens = 32, .step_tokens_max = 64, .sequences_max = 2});
  for (std::uint64_t i = 1; i <= 3; ++i) small.scheduler.add({i}, {random_tokens(i, 5), 2, {}, {}});
  EXPECT_EQ(small.turn().run.size(), 2u);
  EXPECT_EQ(small.scheduler.waiting(), 1u);
  EXPECT_EQ(small.turn().run.size(), 2u);
  EXPECT_EQ(to_string(small.turn()).substr(0, 6), "run 3[");
}

TEST(Plan, MatchThatWasEvictedMeanwhileIsAskedAgain) {
  Small small({.chunk_tokens = 32, .step_tokens_max = 128, .sequences_max = 1}, 8);
  small.scheduler.add({1}, {random_tokens(1, 40), 1, {}, {}});
  small.turn();
  small.scheduler.add({2}, {random_tokens(3, 120), 1, {}, {}});
  for (const Unmatched& u : small.scheduler.unmatched()) small.scheduler.matched(u.id, 0);
  small.scheduler.add({3}, {random_tokens(1, 80), 1, {}, {}});
  const auto asked = small.scheduler.unmatched();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].computed, 32u);
  small.scheduler.matched({3}, 32);
  Step step = small.scheduler.plan();  // 2 takes all pages
  small.scheduler.commit(step, std::vector<TokenId>{50});
  step = small.scheduler.plan();
  EXPECT_TRUE(step.load.empty() && step.run.empty()) << to_string(step);
  const auto again = small.scheduler.unmatched();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].computed, 0u);
  small.scheduler.matched({3}, 64);
  EXPECT_EQ(to_string(small.scheduler.plan()).substr(0, 13), "load 3[0,64) ");
}

}  // namespace
}  // namespace cairn::testing
