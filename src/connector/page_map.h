// Where the blocks of a chunk lie in an engine's pages. When the engine's range is one cell of the store's grid, each
// page is one piece of the block; when the grid is finer, a cell's part of each page is a list of pieces, in payload
// order, and zero bytes fill the cell's own page up to its stride. Values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/result.h"
#include "io/memory.h"
#include "kv/layout.h"

namespace cairn {

class PageMap {
 public:
  // kInvalid when `range` cuts a cell or `page_stride` is not the layout's.
  static Result<PageMap> make(const BlockLayout& layout, const KvRange& range, std::uint64_t page_stride);

  const std::vector<std::uint32_t>& shards() const { return shards_; }
  const std::vector<std::uint64_t>& block_bytes() const { return block_bytes_; }
  // Largest padding that append() takes from `padding`.
  std::uint64_t padding_bytes() const { return padding_bytes_; }
  // Adds the part of `page` that belongs to the `cell`-th of shards().
  void append(std::size_t cell, const MemoryRef& page, const MemoryRef& padding, std::vector<MemoryRef>& pieces) const;

 private:
  struct Cell {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> pieces;  // offset in the page, bytes
    std::uint64_t padding_bytes = 0;
  };
  std::vector<std::uint32_t> shards_;
  std::vector<std::uint64_t> block_bytes_;
  std::vector<Cell> cells_;
  std::uint64_t padding_bytes_ = 0;
};

}  // namespace cairn
