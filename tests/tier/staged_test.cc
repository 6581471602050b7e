// Property: pieces of any size and place reach a tier that wants aligned ones, through no more than the bounce memory;
// pieces that fit pass untouched.
#include "tier/staged.h"

#include "tier/wrapped_world.h"

namespace cairn::test {
namespace {

// Refuses what it says it cannot take, and counts rows.
class PickyTier final : public Tier {
 public:
  explicit PickyTier(std::unique_ptr<Tier> tier) : tier_(std::move(tier)) {}
  TierTraits traits() const override {
    TierTraits traits = tier_->traits();
    traits.alignment = 4096;
    traits.pieces_max = 20;
    return traits;
  }
  TierUsage usage() const override { return tier_->usage(); }
  void cancel(Batch& batch) override { tier_->cancel(batch); }
  void submit(Batch& batch) override {
    for (const BlockSlot& slot : batch.slots) {
      EXPECT_LE(slot.memory.size(), 20u);
      for (const MemoryRef& ref : slot.memory) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(ref.data) % 4096, 0u);
        EXPECT_EQ(ref.size % 4096, 0u);
      }
    }
    tier_->submit(batch);
  }

 private:
  std::unique_ptr<Tier> tier_;
};

TEST(Staged, PiecesOfAnySizeComeBackWhole) {
  WrappedWorld world;
  auto staged = StagedTier::open(std::make_unique<PickyTier>(world.ram(16)), {.staging_blocks = 2}, world.block_bytes,
                                 world.clock);
  ASSERT_TRUE(staged.has_value());
  Tier& tier = **staged;
  EXPECT_EQ(tier.traits().alignment, 1u);
  Random random(12);
  const auto shreds = [&](std::uint32_t slot) {
    std::vector<MemoryRef> pieces;
    for (std::uint64_t at = 0; at < world.block_bytes;) {
      const std::uint64_t bytes = std::min<std::uint64_t>(1 + random.below(20'000), world.block_bytes - at);
      pieces.push_back({world.data(slot) + at, bytes, world.arena.get(), MemoryKind::kHost, 0});
      at += bytes;
    }
    return pieces;
  };
  CompletionQueue queue;
  Work puts(queue, Verb::kPut), gets(queue, Verb::kGet);
  for (std::uint32_t n = 0; n < 10; ++n) {
    world.fill(n, n + 1);
    puts.add(world.id(n), n % 3 == 0 ? world.pages(n) : shreds(n));
  }
  puts.submit(tier);
  ASSERT_EQ(wait_for(queue), &puts.batch);
  for (std::uint32_t n = 0; n < 10; ++n) {
    EXPECT_EQ(puts.slots[n].outcome, Outcome::kDone);
    world.wipe(n);
    gets.add(world.id(n), n % 2 == 0 ? world.pages(n) : shreds(n));
  }
  gets.submit(tier);
  ASSERT_EQ(wait_for(queue), &gets.batch);
  for (std::uint32_t n = 0; n < 10; ++n) {
    EXPECT_EQ(gets.slots[n].outcome, Outcome::kDone);
    EXPECT_TRUE(world.filled_with(n, n + 1)) << n;
  }
  EXPECT_EQ(gets.batch.segments_done.load(), 20u) << "progress of the tier behind reaches the caller";
}

// A tier whose calls outlive their batches for a moment, as a read does that hangs past its deadline.
class LateTier final : public Tier {
 public:
  ~LateTier() override {
    for (const MemoryRef& ref : touched_) {
      std::memset(ref.data, 0x11, ref.size);  // the late bytes
      ref.release();
    }
  }
  TierTraits traits() const override {
    TierTraits traits;
    traits.name = "late";
    traits.alignment = 4096;
    return traits;
  }
  TierUsage usage() const override { return {}; }
  void cancel(Batch&) override {}
  void submit(Batch& batch) override {
    batch.start();
    for (BlockSlot& slot : batch.slots) {
      for (const MemoryRef& ref : slot.memory) {
        EXPECT_FALSE(ref.region->held(ref.offset(), ref.size))
            << "given out while an earlier call may still write there";
        ref.hold();
        touched_.push_back(ref);
      }
      slot.outcome = Outcome::kFailed;
      slot.reason = MissReason::kTimeout;
    }
    batch.finish(Error{ErrorCode::kTimeout, "late"});
  }

 private:
  std::vector<MemoryRef> touched_;
};

TEST(Staged, ItsMemoryOutlivesTheTierWhoseCallsMayStillWriteThere) {
  WrappedWorld world;
  auto staged = StagedTier::open(std::make_unique<LateTier>(), {.staging_blocks = 2}, world.block_bytes, world.clock);
  ASSERT_TRUE(staged.has_value());
  std::vector<MemoryRef> odd = {{world.data(0) + 1, world.block_bytes, world.arena.get(), MemoryKind::kHost, 0}};
  EXPECT_EQ(run(**staged, Verb::kGet, world.id(0), odd), Outcome::kFailed);
  EXPECT_EQ((*staged)->usage().held_bytes, world.block_bytes);
  EXPECT_EQ(run(**staged, Verb::kGet, world.id(1), odd), Outcome::kFailed) << "the other slot still serves";
  // Both slots are held: the next row waits until its deadline instead of sharing one.
  CompletionQueue queue;
  Work third(queue, Verb::kGet, world.clock.after_us(30'000));
  third.add(world.id(2), odd);
  third.submit(**staged);
  ASSERT_EQ(wait_for(queue), &third.batch);
  EXPECT_EQ(third.slots[0].reason, MissReason::kTimeout);
  EXPECT_FALSE(world.arena->held(0, world.block_bytes * 2)) << "the caller's own memory was never lent to a call";
  staged->reset();
}

TEST(Staged, RefusesABlockLargerThanItsSlots) {
  WrappedWorld world;
  auto staged = StagedTier::open(world.ram(), {.staging_blocks = 1}, 4096, world.clock);
  ASSERT_TRUE(staged.has_value());
  EXPECT_EQ(run(**staged, Verb::kPut, world.id(0), world.pages(0)), Outcome::kRefused);
  EXPECT_FALSE(StagedTier::open(world.ram(), {.staging_blocks = 0}, 4096, world.clock).has_value());
}

}  // namespace
}  // namespace cairn::test
