// Property: the grid belongs to the store. Two writers with half the heads each fill its cells; one reader with all
// heads asks for both cells and finds every tile at the offset that BlockLayout tells.
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "kv/layout.h"

namespace cairn {
namespace {

using Tile = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;  // layer, plane, head

TEST(TensorParallel, TwoWritersFillWhatOneReaderWants) {
  const LayoutSpec spec{.geometry = {{{.layers = 2, .planes = 2, .heads = 4, .dim = 16}}},
                        .grid = {.shard_kv_heads = 2}};
  const auto layout = BlockLayout::make(spec);
  ASSERT_TRUE(layout);
  std::map<std::uint32_t, std::vector<std::byte>> store;  // shard -> first page of the block
  const std::uint64_t tile_bytes = spec.page_tokens * 16 * 2;

  for (std::uint32_t rank = 0; rank < 2; ++rank) {  // tensor parallel 2: each rank owns two heads
    const KvRange range{0, 2, rank * 2, rank * 2 + 2};
    const auto cells = layout->cells_of(range);
    ASSERT_TRUE(cells);
    ASSERT_EQ(*cells, std::vector<std::uint32_t>{rank});
    std::vector<std::byte>& page = store[rank] = std::vector<std::byte>(layout->page_stride(range));
    for (std::uint32_t layer = 0; layer < 2; ++layer)
      for (std::uint32_t plane = 0; plane < 2; ++plane)
        for (std::uint32_t head = range.head_begin; head < range.head_end; ++head)
          std::memset(page.data() + layout->offset(range, layer, plane, head),
                      static_cast<int>(layer * 16 + plane * 8 + head), tile_bytes);
  }

  const auto wanted = layout->cells_of(layout->whole());  // tensor parallel 1: both cells
  ASSERT_TRUE(wanted);
  ASSERT_EQ(wanted->size(), 2u);
  std::map<Tile, int> seen;
  for (const std::uint32_t shard : *wanted) {
    const KvRange cell = layout->cell(shard);
    for (std::uint32_t layer = cell.layer_begin; layer < cell.layer_end; ++layer)
      for (std::uint32_t plane = 0; plane < 2; ++plane)
        for (std::uint32_t head = cell.head_begin; head < cell.head_end; ++head)
          seen[{layer, plane, head}] = static_cast<int>(store[shard][layout->offset(cell, layer, plane, head)]);
  }
  ASSERT_EQ(seen.size(), 2u * 2 * 4);
  for (const auto& [tile, value] : seen)
    EXPECT_EQ(value, static_cast<int>(std::get<0>(tile) * 16 + std::get<1>(tile) * 8 + std::get<2>(tile)));
  EXPECT_FALSE(layout->cells_of({0, 2, 1, 3}));  // a range that cuts a cell is refused
}

}  // namespace
}  // namespace cairn
