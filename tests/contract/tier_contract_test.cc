// Property: whatever a tier is made of, an operation comes back once, a get yields exactly the bytes that were put
// under that id or none, bounds hold, and nothing is left under way after it is gone.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "contract/subjects.h"

namespace cairn::test {
namespace {

class TierContract : public testing::TestWithParam<Subject> {
 protected:
  std::unique_ptr<Tier> make(std::uint32_t blocks = 16) { return GetParam().make(world, blocks); }
  bool put(Tier& tier, std::uint32_t n, std::uint32_t slot = 0) {
    world.fill(slot, n + 1);
    return run(tier, Verb::kPut, world.id(n), world.pages(slot)) == Outcome::kDone;
  }
  TierWorld world;
};

TEST_P(TierContract, WhatWasPutComesBack) {
  auto tier = make();
  for (std::uint32_t n = 0; n < 6; ++n) ASSERT_TRUE(put(*tier, n)) << n;
  for (std::uint32_t n = 0; n < 6; ++n) {
    EXPECT_EQ(run(*tier, Verb::kContains, world.id(n)), Outcome::kDone);
    world.wipe(1);
    ASSERT_EQ(run(*tier, Verb::kGet, world.id(n), world.pages(1)), Outcome::kDone) << n;
    EXPECT_TRUE(world.filled_with(1, n + 1)) << n;
  }
  EXPECT_EQ(tier->usage().blocks == 0 || tier->usage().blocks == 6, true);
}

TEST_P(TierContract, AbsentIsAMissWithAReason) {
  auto tier = make();
  for (const Verb verb : {Verb::kContains, Verb::kGet, Verb::kErase}) {
    const BlockSlot slot =
        run_one(*tier, verb, world.id(3), verb == Verb::kGet ? world.pages(0) : std::vector<MemoryRef>{});
    EXPECT_EQ(slot.outcome, Outcome::kMiss);
    EXPECT_EQ(slot.reason, MissReason::kAbsent);
  }
}

TEST_P(TierContract, ErasedIsGone) {
  auto tier = make();
  ASSERT_TRUE(put(*tier, 0));
  EXPECT_EQ(run(*tier, Verb::kErase, world.id(0)), Outcome::kDone);
  EXPECT_EQ(run(*tier, Verb::kContains, world.id(0)), Outcome::kMiss);
  EXPECT_EQ(run(*tier, Verb::kGet, world.id(0), world.pages(0)), Outcome::kMiss);
  EXPECT_EQ(tier->usage().used_bytes, 0u);
}

TEST_P(TierContract, ASecondPutOfTheSameBlockIsDoneAndCountsOnce) {
  auto tier = make();
  ASSERT_TRUE(put(*tier, 0));
  const std::uint64_t used = tier->usage().used_bytes;
  ASSERT_TRUE(put(*tier, 0));
  EXPECT_EQ(tier->usage().used_bytes, used);
}

TEST_P(TierContract, ABatchOfManyRowsComesBackOnceWithAnOutcomeEach) {
  auto tier = make();
  CompletionQueue queue;
  Work puts(queue, Verb::kPut);
  for (std::uint32_t n = 0; n < 8; ++n) {
    world.fill(n, n + 1);
    puts.add(world.id(n), world.pages(n));
  }
  puts.submit(*tier);
  ASSERT_EQ(wait_for(queue), &puts.batch);
  EXPECT_TRUE(puts.batch.result().has_value());
  EXPECT_GT(puts.batch.started_us.load(), 0);
  EXPECT_EQ(puts.batch.segments_done.load(), 16u);
  for (const BlockSlot& slot : puts.slots) EXPECT_EQ(slot.outcome, Outcome::kDone);
  Work gets(queue, Verb::kGet);
  for (std::uint32_t n = 0; n < 10; ++n) {
    world.wipe(n);
    gets.add(world.id(n), world.pages(n));
  }
  gets.submit(*tier);
  ASSERT_EQ(wait_for(queue), &gets.batch);
  for (std::uint32_t n = 0; n < 10; ++n) {
    EXPECT_EQ(gets.slots[n].outcome, n < 8 ? Outcome::kDone : Outcome::kMiss) << n;
    if (n < 8) {
      EXPECT_TRUE(world.filled_with(n, n + 1)) << n;
    }
  }
  EXPECT_EQ(gets.batch.segments_done.load(), 16u);
  EXPECT_EQ(queue.poll(), nullptr);
}

TEST_P(TierContract, AnEmptyBatchComesBack) {
  auto tier = make();
  CompletionQueue queue;
  Work work(queue, Verb::kGet);
  work.submit(*tier);
  EXPECT_EQ(wait_for(queue), &work.batch);
  EXPECT_TRUE(work.batch.result().has_value());
}

TEST_P(TierContract, AnotherChunkUnderTheSameKeyIsNeverServed) {
  auto tier = make();
  ASSERT_TRUE(put(*tier, 0));
  std::vector<KvBlockId> others(5, world.id(0));
  others[0].chunk.parent.digest.bytes[3] ^= 1;
  others[1].chunk.token_digest.bytes[31] ^= 0x80;
  others[2].chunk.index += 1;
  others[3].chunk.tenant.bytes[0] = 1;
  others[4].chunk.key.digest.bytes[0] ^= 1;
  for (const KvBlockId& other : others) {
    world.wipe(1);
    const Outcome outcome = run(*tier, Verb::kGet, other, world.pages(1));
    EXPECT_TRUE(outcome == Outcome::kMiss || outcome == Outcome::kCorrupt);
  }
}

// The block's size is the tier's to know: memory of another size gets nothing, not a part.
TEST_P(TierContract, MemoryOfAnotherSizeIsNeverCalledFilled) {
  auto tier = make();
  ASSERT_TRUE(put(*tier, 0));
  auto less = world.pages(1), more = world.pages(1);
  less.pop_back();
  more.push_back(world.pages(2).front());
  for (const auto& memory : {less, more}) {
    world.wipe(1);
    world.wipe(2);
    EXPECT_NE(run(*tier, Verb::kGet, world.id(0), memory), Outcome::kDone) << memory.size();
    EXPECT_EQ(world.data(2)[0], std::byte{0xee});
  }
  ASSERT_EQ(run(*tier, Verb::kGet, world.id(0), world.pages(1)), Outcome::kDone);
  EXPECT_TRUE(world.filled_with(1, 1));
}

TEST_P(TierContract, CapacityIsNeverExceeded) {
  auto tier = make(4);
  std::uint32_t stored = 0;
  for (std::uint32_t n = 0; n < 12; ++n) {
    world.fill(0, n + 1);
    const Outcome outcome = run(*tier, Verb::kPut, world.id(n), world.pages(0));
    EXPECT_TRUE(outcome == Outcome::kDone || outcome == Outcome::kRefused);
    stored += outcome == Outcome::kDone ? 1 : 0;
    const TierUsage usage = tier->usage();
    EXPECT_LE(usage.used_bytes, usage.capacity_bytes);
  }
  EXPECT_GE(stored, 3u);
  std::uint32_t found = 0;
  for (std::uint32_t n = 0; n < 12; ++n) {
    if (run(*tier, Verb::kGet, world.id(n), world.pages(0)) != Outcome::kDone) continue;
    EXPECT_TRUE(world.filled_with(0, n + 1));
    ++found;
  }
  EXPECT_GE(found, 3u);
  EXPECT_LE(found, 4u);
}

TEST_P(TierContract, ALentBlockStaysUntilItIsReturned) {
  auto tier = make(3);
  ASSERT_TRUE(put(*tier, 0));
  if (!tier->traits().lends) {
    EXPECT_EQ(run(*tier, Verb::kLend, world.id(0)), Outcome::kFailed);
    return;
  }
  CompletionQueue queue;
  Work lend(queue, Verb::kLend);
  lend.add(world.id(0));
  lend.submit(*tier);
  ASSERT_EQ(wait_for(queue), &lend.batch);
  ASSERT_EQ(lend.slots[0].outcome, Outcome::kDone);
  const MemoryRef lent = lend.slots[0].lent;
  ASSERT_EQ(lent.size, world.block_bytes);
  for (std::uint32_t n = 1; n < 8; ++n) put(*tier, n, 1);
  run(*tier, Verb::kErase, world.id(0));
  for (std::uint32_t n = 8; n < 16; ++n) put(*tier, n, 1);
  world.fill(0, 1);
  EXPECT_EQ(std::memcmp(lent.data, world.data(0), lent.size), 0);
  Work give_back(queue, Verb::kReturn);
  give_back.add(world.id(0));
  give_back.slots[0].lent = lent;
  give_back.submit(*tier);
  ASSERT_EQ(wait_for(queue), &give_back.batch);
  EXPECT_EQ(give_back.slots[0].outcome, Outcome::kDone);
  EXPECT_LE(tier->usage().used_bytes, tier->usage().capacity_bytes);
}

TEST_P(TierContract, ACancelledBatchComesBackOnceAndRowsAreTrue) {
  auto tier = make();
  for (std::uint32_t n = 0; n < 4; ++n) ASSERT_TRUE(put(*tier, n));
  for (int round = 0; round < 20; ++round) {
    CompletionQueue queue;
    Work gets(queue, Verb::kGet);
    for (std::uint32_t n = 0; n < 4; ++n) {
      while (world.arena->held(n * world.block_bytes, world.block_bytes)) std::this_thread::yield();
      world.wipe(n);
      gets.add(world.id(n), world.pages(n));
    }
    gets.submit(*tier);
    tier->cancel(gets.batch);
    ASSERT_EQ(wait_for(queue), &gets.batch);
    for (std::uint32_t n = 0; n < 4; ++n) {
      ASSERT_NE(gets.slots[n].outcome, Outcome::kPending);
      if (gets.slots[n].outcome == Outcome::kDone) {
        EXPECT_TRUE(world.filled_with(n, n + 1));
      }
    }
    EXPECT_EQ(queue.poll(), nullptr);
  }
}

TEST_P(TierContract, APassedDeadlineEndsABatch) {
  auto tier = make();
  ASSERT_TRUE(put(*tier, 0));
  CompletionQueue queue;
  Work gets(queue, Verb::kGet, Deadline{1});
  for (int i = 0; i < 8; ++i) gets.add(world.id(0), world.pages(static_cast<std::uint32_t>(i)));
  gets.submit(*tier);
  ASSERT_EQ(wait_for(queue), &gets.batch);
  for (const BlockSlot& slot : gets.slots) EXPECT_NE(slot.outcome, Outcome::kPending);
}

TEST_P(TierContract, WritersOfTheSameKeyAgree) {
  auto tier = make();
  for (std::uint32_t round = 0; round < 5; ++round) {
    CompletionQueue queue;
    std::vector<std::unique_ptr<Work>> writers;
    for (std::uint32_t w = 0; w < 4; ++w) {
      world.fill(w, round + 1);
      writers.push_back(std::make_unique<Work>(queue, Verb::kPut));
      writers.back()->add(world.id(round), world.pages(w));
    }
    for (auto& writer : writers) writer->submit(*tier);
    for (std::size_t w = 0; w < writers.size(); ++w) ASSERT_NE(wait_for(queue), nullptr);
    for (auto& writer : writers) EXPECT_EQ(writer->slots[0].outcome, Outcome::kDone);
    EXPECT_EQ(run(*tier, Verb::kGet, world.id(round), world.pages(5)), Outcome::kDone);
    EXPECT_TRUE(world.filled_with(5, round + 1));
  }
  EXPECT_EQ(tier->usage().used_bytes % 5, 0u);
}

// Readers, writers and erasers of few keys at once: every get is whole or no get.
TEST_P(TierContract, ErasingWhileReadingYieldsAWholeBlockOrNone) {
  auto tier = make(3);
  std::atomic<int> wrong{0}, served{0};
  const auto reader = [&](std::uint32_t slot) {
    for (int i = 0; i < 60; ++i) {
      const std::uint32_t n = static_cast<std::uint32_t>(i) % 4;
      if (run(*tier, Verb::kGet, world.id(n), world.pages(slot)) != Outcome::kDone) continue;
      ++served;
      if (!world.filled_with(slot, n + 1)) ++wrong;
    }
  };
  const auto writer = [&](std::uint32_t slot) {
    for (int i = 0; i < 60; ++i) {
      const std::uint32_t n = static_cast<std::uint32_t>(i) % 4;
      put(*tier, n, slot);
      if (i % 3 == 0) run(*tier, Verb::kErase, world.id((n + 1) % 4));
    }
  };
  put(*tier, 0, 0);
  std::thread first(reader, 10), second(writer, 11), third(writer, 12);
  reader(13);
  first.join();
  second.join();
  third.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(served, 0);
  EXPECT_LE(tier->usage().used_bytes, tier->usage().capacity_bytes);
}

TEST_P(TierContract, DestructionBringsEverythingBack) {
  CompletionQueue queue;
  std::vector<std::unique_ptr<Work>> all;
  auto tier = make();
  for (std::uint32_t n = 0; n < 6; ++n) {
    world.fill(n, n + 1);
    all.push_back(std::make_unique<Work>(queue, n % 2 == 0 ? Verb::kPut : Verb::kGet));
    all.back()->add(world.id(n / 2), world.pages(n));
    all.back()->submit(*tier);
  }
  tier.reset();
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_NE(queue.poll(), nullptr);
  EXPECT_EQ(queue.poll(), nullptr);
  EXPECT_EQ(world.arena->held_bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, TierContract, testing::ValuesIn(subjects()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace cairn::test
