// The layout places every element of a block once, pads pages to 4096, and cuts the geometry into the grid's cells.
#include "kv/layout.h"

#include <gtest/gtest.h>

#include <vector>

#include "sample.h"

namespace cairn {
namespace {

LayoutSpec smollm() { return sample::smollm_identity().layout; }

BlockLayout made(const LayoutSpec& spec) {
  auto layout = BlockLayout::make(spec);
  EXPECT_TRUE(layout.has_value()) << (layout ? "" : layout.error().detail);
  return *layout;
}

TEST(BlockLayout, HasTheKnownSizesOfSmolLm2) {
  const BlockLayout layout = made(smollm());
  EXPECT_EQ(layout.cells(), 1u);
  EXPECT_EQ(layout.pages_per_chunk(), 16u);
  EXPECT_EQ(layout.page_bytes(layout.whole()), 30u * 2 * 3 * 16 * 64 * 2);
  EXPECT_EQ(layout.page_stride(layout.whole()), 368640u);
  EXPECT_EQ(layout.block_bytes(0), 368640u * 16);
  EXPECT_EQ(layout.cell_slug(0), "L0-30_H0-3");
}

TEST(BlockLayout, PageStrideIsRoundedUpTo4096) {
  const BlockLayout layout = made(sample::tiny_identity().layout);
  EXPECT_EQ(layout.page_bytes(layout.whole()), 512u);
  EXPECT_EQ(layout.page_stride(layout.whole()), 4096u);
  EXPECT_EQ(layout.block_bytes(0), 8192u);
}

TEST(BlockLayout, TheLargestBlockIsThatOfTheLargestShard) {
  LayoutSpec spec = smollm();
  spec.geometry.groups.push_back(spec.geometry.groups[0]);
  spec.geometry.groups[1].dim *= 2;
  spec.grid = {.shard_layers = spec.geometry.groups[0].layers};
  const BlockLayout layout = BlockLayout::make(spec).value();
  ASSERT_EQ(layout.cells(), 2u);
  EXPECT_LT(layout.block_bytes(0), layout.block_bytes(1));
  EXPECT_EQ(layout.block_bytes_max(), layout.block_bytes(1));
}

TEST(BlockLayout, CellsCountByLayersThenHeads) {
  LayoutSpec spec = smollm();
  spec.geometry.groups[0].heads = 4;
  spec.grid = {.shard_layers = 10, .shard_kv_heads = 2};
  const BlockLayout layout = made(spec);
  ASSERT_EQ(layout.cells(), 6u);
  EXPECT_EQ(layout.cell(0), (KvRange{0, 10, 0, 2}));
  EXPECT_EQ(layout.cell(1), (KvRange{0, 10, 2, 4}));
  EXPECT_EQ(layout.cell(2), (KvRange{10, 20, 0, 2}));
  EXPECT_EQ(layout.cell_slug(5), "L20-30_H2-4");
  EXPECT_EQ(layout.page_bytes(layout.cell(5)), 10u * 2 * 2 * 16 * 64 * 2);
}

TEST(BlockLayout, TilesOfEveryRangeAreDenseInOrder) {
  LayoutSpec spec = smollm();
  spec.geometry.groups = {{.layers = 2, .planes = 2, .heads = 4, .dim = 8, .dtype = KvDtype::kBf16},
                          {.layers = 2, .planes = 1, .heads = 4, .dim = 32, .dtype = KvDtype::kF32}};
  spec.grid = {.shard_layers = 1, .shard_kv_heads = 2};
  const BlockLayout layout = made(spec);
  for (const KvRange& range : {layout.whole(), KvRange{1, 3, 2, 4}, layout.cell(7)}) {
    std::uint64_t expected = 0;
    for (std::uint32_t layer = range.layer_begin; layer < range.layer_end; ++layer) {
      const LayerGroup& group = spec.geometry.groups[layer / 2];
      for (std::uint32_t plane = 0; plane < group.planes; ++plane) {
        for (std::uint32_t head = range.head_begin; head < range.head_end; ++head) {
          EXPECT_EQ(layout.offset(range, layer, plane, head), expected);
          expected += std::uint64_t{16} * group.dim * bytes_of(group.dtype);
        }
      }
    }
    EXPECT_EQ(layout.page_bytes(range), expected);
  }
}

TEST(BlockLayout, CellsOfARangeCoverItExactly) {
  LayoutSpec spec = smollm();
  spec.geometry.groups[0].heads = 4;
  spec.grid = {.shard_layers = 15, .shard_kv_heads = 1};
  const BlockLayout layout = made(spec);
  EXPECT_EQ(*layout.cells_of(layout.whole()), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(*layout.cells_of({0, 30, 2, 4}), (std::vector<std::uint32_t>{2, 3, 6, 7}));
  EXPECT_EQ(*layout.cells_of({15, 30, 1, 2}), (std::vector<std::uint32_t>{5}));
}

TEST(BlockLayout, ARangeThatCutsACellIsRefusedByName) {
  LayoutSpec spec = smollm();
  spec.geometry.groups[0].heads = 4;
  spec.grid = {.shard_layers = 15, .shard_kv_heads = 2};
  const BlockLayout layout = made(spec);
  const auto layers = layout.cells_of({0, 14, 0, 4});
  ASSERT_FALSE(layers);
  EXPECT_EQ(layers.error().detail, "layer 14 cuts a cell of the store's grid (shard_layers 15)");
  const auto heads = layout.cells_of({0, 15, 1, 4});
  ASSERT_FALSE(heads);
  EXPECT_EQ(heads.error().detail, "KV head 1 cuts a cell of the store's grid (shard_kv_heads 2)");
  for (const KvRange& range : {KvRange{0, 31, 0, 4}, KvRange{3, 3, 0, 4}, KvRange{0, 15, 4, 2}, KvRange{0, 15, 0, 6}}) {
    EXPECT_FALSE(layout.cells_of(range)) << range.layer_begin << " " << range.head_begin;
  }
}

TEST(BlockLayout, LayersWithDifferentHeadCountsFormOneColumn) {
  LayoutSpec spec = smollm();
  spec.geometry.groups = {{.layers = 2, .planes = 2, .heads = 2, .dim = 16, .dtype = KvDtype::kF16},
                          {.layers = 2, .planes = 2, .heads = 8, .dim = 16, .dtype = KvDtype::kF16}};
  const BlockLayout layout = made(spec);
  EXPECT_EQ(layout.whole(), (KvRange{0, 4, 0, 8}));
  EXPECT_EQ(layout.page_bytes(layout.whole()), (2u * 2 * 2 + 2 * 2 * 8) * 16 * 16 * 2);
  spec.grid.shard_kv_heads = 2;
  EXPECT_FALSE(BlockLayout::make(spec));
}

TEST(BlockLayout, RefusesWhatCannotBeLaidOut) {
  struct Case {
    const char* what;
    void (*change)(LayoutSpec&);
  };
  const Case cases[] = {
      {"no groups", [](LayoutSpec& s) { s.geometry.groups.clear(); }},
      {"257 groups", [](LayoutSpec& s) { s.geometry.groups.assign(257, s.geometry.groups[0]); }},
      {"too many layers in all", [](LayoutSpec& s) { s.geometry.groups.assign(200, s.geometry.groups[0]); }},
      {"no layers", [](LayoutSpec& s) { s.geometry.groups[0].layers = 0; }},
      {"no planes", [](LayoutSpec& s) { s.geometry.groups[0].planes = 0; }},
      {"no heads", [](LayoutSpec& s) { s.geometry.groups[0].heads = 0; }},
      {"no dim", [](LayoutSpec& s) { s.geometry.groups[0].dim = 0; }},
      {"dtype", [](LayoutSpec& s) { s.geometry.groups[0].dtype = static_cast<KvDtype>(99); }},
      {"page 0", [](LayoutSpec& s) { s.page_tokens = 0; }},
      {"chunk 0", [](LayoutSpec& s) { s.chunk_tokens = 0; }},
      {"chunk not a multiple", [](LayoutSpec& s) { s.chunk_tokens = 250; }},
      {"page above the chunk", [](LayoutSpec& s) { s.page_tokens = 512; }},
      {"order", [](LayoutSpec& s) { s.order = static_cast<PageOrder>(2); }},
      {"layers not divided", [](LayoutSpec& s) { s.grid.shard_layers = 28; }},
      {"heads not divided", [](LayoutSpec& s) { s.grid.shard_kv_heads = 2; }},
      {"grid above the model", [](LayoutSpec& s) { s.grid.shard_layers = 60; }},
      {"page of 2^32 bytes",
       [](LayoutSpec& s) {
         s.geometry.groups[0] = {.layers = 1024, .planes = 16, .heads = 64, .dim = 4096, .dtype = KvDtype::kF32};
         s.chunk_tokens = 16;
       }},
      {"product beyond 64 bits",
       [](LayoutSpec& s) {
         s.geometry.groups[0] = {.layers = 4096, .planes = 16, .heads = 65536, .dim = 65536, .dtype = KvDtype::kF32};
         s.page_tokens = s.chunk_tokens = 1 << 20;
       }},
  };
  for (const Case& wrong : cases) {
    LayoutSpec spec = smollm();
    wrong.change(spec);
    const auto layout = BlockLayout::make(spec);
    ASSERT_FALSE(layout) << wrong.what;
    EXPECT_EQ(layout.error().code, ErrorCode::kInvalid);
    EXPECT_FALSE(layout.error().detail.empty());
  }
}

TEST(BlockLayout, AsksOutsideTheModelAreBugs) {
  const BlockLayout layout = made(smollm());
  EXPECT_DEATH((void)layout.cell(1), "no such cell");
  EXPECT_DEATH((void)layout.offset(layout.whole(), 30, 0, 0), "layer outside");
  EXPECT_DEATH((void)layout.offset(layout.whole(), 0, 2, 0), "no such plane");
  EXPECT_DEATH((void)layout.offset(layout.whole(), 0, 0, 3), "head outside");
}

}  // namespace
}  // namespace cairn
