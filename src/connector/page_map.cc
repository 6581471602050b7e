#include "connector/page_map.h"

#include <algorithm>

#include "base/check.h"

namespace cairn {
namespace {

// Planes of each layer of the model.
std::vector<std::uint32_t> planes_of(const KvGeometry& geometry) {
  std::vector<std::uint32_t> planes;
  for (const LayerGroup& group : geometry.groups) planes.insert(planes.end(), group.layers, group.planes);
  return planes;
}

}  // namespace

Result<PageMap> PageMap::make(const BlockLayout& layout, const KvRange& range, std::uint64_t page_stride) {
  PageMap map;
  CAIRN_TRY(map.shards_, layout.cells_of(range));
  if (page_stride != layout.page_stride(range)) {
    return invalid("a page stride of " + std::to_string(page_stride) + " bytes; the layout says " +
                   std::to_string(layout.page_stride(range)));
  }
  const std::vector<std::uint32_t> planes = planes_of(layout.spec().geometry);
  for (const std::uint32_t shard : map.shards_) {
    map.block_bytes_.push_back(layout.block_bytes(shard));
    const KvRange part = layout.cell(shard);
    Cell cell;
    if (part == range) {
      cell.pieces.emplace_back(0, page_stride);
      map.cells_.push_back(std::move(cell));
      continue;
    }
    for (std::uint32_t layer = part.layer_begin; layer < part.layer_end; ++layer) {
      const std::uint64_t run = layout.page_bytes({layer, layer + 1, part.head_begin, part.head_end}) / planes[layer];
      for (std::uint32_t plane = 0; plane < planes[layer] && run != 0; ++plane) {
        const std::uint64_t offset = layout.offset(range, layer, plane, part.head_begin);
        if (!cell.pieces.empty() && cell.pieces.back().first + cell.pieces.back().second == offset) {
          cell.pieces.back().second += run;
        } else {
          cell.pieces.emplace_back(offset, run);
        }
      }
    }
    cell.padding_bytes = layout.page_stride(part) - layout.page_bytes(part);
    map.padding_bytes_ = std::max(map.padding_bytes_, cell.padding_bytes);
    map.cells_.push_back(std::move(cell));
  }
  return map;
}

void PageMap::append(std::size_t cell, const MemoryRef& page, const MemoryRef& padding,
                     std::vector<MemoryRef>& pieces) const {
  const auto part_of = [](const MemoryRef& whole, std::uint64_t offset, std::uint64_t bytes) {
    CAIRN_CHECK(offset + bytes <= whole.size, "a piece outside its page");
    MemoryRef piece = whole;
    piece.data += offset;
    piece.size = bytes;
    return piece;
  };
  for (const auto& [offset, bytes] : cells_[cell].pieces) pieces.push_back(part_of(page, offset, bytes));
  if (cells_[cell].padding_bytes != 0) pieces.push_back(part_of(padding, 0, cells_[cell].padding_bytes));
}

}  // namespace cairn
