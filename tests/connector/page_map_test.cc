// The cells of a finer grid together cover every byte of a page exactly once, in the order of their own layout.
#include "connector/page_map.h"

#include <gtest/gtest.h>

#include "connector/connector_world.h"

namespace cairn::test {
namespace {

TEST(PageMap, OneCellIsOnePieceAPage) {
  const BlockLayout layout = *BlockLayout::make(small_layout());
  const auto map = PageMap::make(layout, layout.whole(), layout.page_stride(layout.whole()));
  ASSERT_TRUE(map);
  EXPECT_EQ(map->shards().size(), 1u);
  std::vector<std::byte> page(layout.page_stride(layout.whole()));
  std::vector<MemoryRef> pieces;
  map->append(0, {page.data(), page.size()}, {}, pieces);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].size, page.size());
}

TEST(PageMap, FinerCellsCoverEachByteOnceAndAddPaddingUpToTheirStride) {
  for (const ShardGrid grid : {ShardGrid{1, 0}, ShardGrid{0, 1}, ShardGrid{1, 1}}) {
    const BlockLayout layout = *BlockLayout::make(small_layout(grid));
    const std::uint64_t stride = layout.page_stride(layout.whole());
    const PageMap map = *PageMap::make(layout, layout.whole(), stride);
    std::vector<std::byte> page(stride), padding(4096);
    std::vector<int> covered(layout.page_bytes(layout.whole()));
    for (std::size_t cell = 0; cell < map.shards().size(); ++cell) {
      std::vector<MemoryRef> pieces;
      map.append(cell, {page.data(), page.size()}, {padding.data(), padding.size()}, pieces);
      const KvRange part = layout.cell(map.shards()[cell]);
      std::uint64_t at = 0;
      for (const MemoryRef& piece : pieces) {
        if (piece.data < page.data() || piece.data >= page.data() + stride) {
          EXPECT_GE(at, layout.page_bytes(part)) << "padding stands behind the last tile";
        } else {
          for (std::uint64_t i = 0; i < piece.size; ++i)
            ++covered[static_cast<std::size_t>(piece.data - page.data()) + i];
        }
        at += piece.size;
      }
      EXPECT_EQ(at, layout.page_stride(part));
      EXPECT_EQ(map.block_bytes()[cell], layout.block_bytes(map.shards()[cell]));
    }
    for (const int times : covered) ASSERT_EQ(times, 1);
  }
}

TEST(PageMap, RefusesAnotherStrideAndARangeThatCutsACell) {
  const BlockLayout layout = *BlockLayout::make(small_layout());
  EXPECT_FALSE(PageMap::make(layout, layout.whole(), 8192));
  EXPECT_FALSE(PageMap::make(layout, {0, 1, 0, 2}, layout.page_stride({0, 1, 0, 2})));
}

}  // namespace
}  // namespace cairn::test
