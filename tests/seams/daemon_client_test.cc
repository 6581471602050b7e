// Property: a tier in another process can lend verified blocks by (region, offset) of a shared descriptor; the client
// reads them from a mapping of its own, with no interface beyond kLend and kReturn.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "tier/tier.h"

namespace cairn {
namespace {

// Stands for the daemon: owns the pool, lends its only block.
class LendingTier final : public Tier {
 public:
  explicit LendingTier(MemoryRegion& pool) : pool_(pool) {}
  TierTraits traits() const override { return {.name = "daemon", .lends = true}; }
  TierUsage usage() const override { return {.blocks = lent_}; }
  void cancel(Batch&) override {}
  void submit(Batch& batch) override {
    batch.begin();
    for (BlockSlot& slot : batch.slots) {
      if (batch.verb == Verb::kLend) slot.lent = {pool_.data() + 4096, 4096, &pool_}, ++lent_;
      if (batch.verb == Verb::kReturn) --lent_;
      slot.outcome = Outcome::kDone;
    }
    CompletionQueue::complete(batch, {});
  }

 private:
  MemoryRegion& pool_;
  std::uint64_t lent_ = 0;
};

TEST(DaemonClient, ReadsALentBlockThroughItsOwnMapping) {
  auto pool = MemoryRegion::make({.bytes = 1 << 21, .huge_pages = false, .shareable = true});
  ASSERT_TRUE(pool);
  std::memcpy((*pool)->data() + 4096, "kept", 4);
  LendingTier daemon(**pool);
  void* mapping = mmap(nullptr, (*pool)->size(), PROT_READ, MAP_SHARED, (*pool)->descriptor(), 0);
  ASSERT_NE(mapping, MAP_FAILED);

  CompletionQueue queue;
  Batch batch(queue);
  BlockSlot slot;
  batch.slots = {&slot, 1};
  batch.verb = Verb::kLend;
  daemon.submit(batch);
  ASSERT_EQ(queue.poll(), &batch);
  EXPECT_EQ(std::memcmp(static_cast<std::byte*>(mapping) + slot.lent.offset(), "kept", 4), 0);

  batch.verb = Verb::kReturn;
  daemon.submit(batch);
  ASSERT_EQ(queue.poll(), &batch);
  EXPECT_EQ(daemon.usage().blocks, 0u);
  munmap(mapping, (*pool)->size());
}

}  // namespace
}  // namespace cairn
