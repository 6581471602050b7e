// Property: an engine that keeps KV layer by layer, in pieces that suit no device, uses any tier through `staged`:
// blocks are the same bytes in the same order, whatever the engine's memory looks like.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "kv/layout.h"
#include "tier/ram_tier.h"
#include "tier/staged.h"

namespace cairn {
namespace {

void run(Tier& tier, CompletionQueue& queue, Verb verb, BlockSlot& slot) {
  Batch batch(queue);
  batch.verb = verb;
  batch.slots = {&slot, 1};
  tier.submit(batch);
  while (queue.wait_us(1'000'000) != &batch) {
  }
  ASSERT_EQ(slot.outcome, Outcome::kDone);
}

TEST(LayerFirst, PiecesOfAnySizeGoThroughStaged) {
  const auto layout = BlockLayout::make({.geometry = {{{.layers = 4, .planes = 2, .heads = 2, .dim = 16}}}});
  ASSERT_TRUE(layout);
  const std::uint64_t bytes = layout->block_bytes(0), page = layout->page_stride(layout->whole());
  SystemClock clock;
  auto ram = RamTier::open({.capacity_bytes = 4 * bytes + (4 << 20)}, bytes, {clock, null_log()});
  ASSERT_TRUE(ram);
  auto tier = StagedTier::open(std::move(*ram), {.staging_blocks = 2}, bytes, clock);
  ASSERT_TRUE(tier);

  // Two engines' memories: [layer][page] with an odd offset, so nothing is aligned; payload order is [page][layer].
  std::vector<std::byte> one(bytes + 1), two(bytes + 1);
  for (std::size_t i = 0; i < one.size(); ++i) one[i] = static_cast<std::byte>(i * 131 >> 3);
  const std::uint64_t piece = page / 4, pages = layout->pages_per_chunk();
  const auto scatter = [&](std::vector<std::byte>& memory) {
    std::vector<MemoryRef> refs;
    for (std::uint64_t p = 0; p < pages; ++p)
      for (std::uint64_t layer = 0; layer < 4; ++layer)
        refs.push_back({memory.data() + 1 + (layer * pages + p) * piece, piece});
    return refs;
  };
  const std::vector<MemoryRef> from = scatter(one), into = scatter(two);
  CompletionQueue queue;
  BlockSlot slot{.id = {.chunk = {.key = {Digest{{5}}}, .tokens = 256}}, .memory = from};
  run(**tier, queue, Verb::kPut, slot);
  slot.memory = into;
  run(**tier, queue, Verb::kGet, slot);
  one[0] = two[0];
  EXPECT_EQ(one, two);
}

}  // namespace
}  // namespace cairn
