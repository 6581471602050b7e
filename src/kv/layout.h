// Shapes of cached KV. BlockLayout is the only code in the product that computes a size or an offset of KV bytes.
// Immutable values; any thread.
//
// Page of one cell:   [layer][K|V][head][token][dim], dense, then padded to page_stride (a multiple of 4096).
// Block of one cell:  the chunk's pages in order, page_stride apart. raw_bytes = pages × page_stride.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace cairn {

enum class KvDtype : std::uint8_t { kBf16 = 1, kF16 = 2, kF32 = 3 };
std::uint32_t bytes_of(KvDtype dtype);

// Consecutive layers of equal shape. planes: 2 = K and V.
struct LayerGroup {
  std::uint32_t layers = 0, planes = 2, heads = 0, dim = 0;
  KvDtype dtype = KvDtype::kBf16;
  bool operator==(const LayerGroup&) const = default;
};

struct KvGeometry {
  std::vector<LayerGroup> groups;
  std::uint32_t layers() const;
  bool operator==(const KvGeometry&) const = default;
};

// The store's grid: cells of shard_layers × shard_kv_heads; 0 = not cut in that direction.
struct ShardGrid {
  std::uint32_t shard_layers = 0, shard_kv_heads = 0;
  bool operator==(const ShardGrid&) const = default;
};

// Half-open ranges of layers and KV heads: an engine's share of the model, or one cell of the grid.
struct KvRange {
  std::uint32_t layer_begin = 0, layer_end = 0, head_begin = 0, head_end = 0;
  bool operator==(const KvRange&) const = default;
};

// How an engine orders a page. One id per layout; its definition stands in docs/format.md.
enum class PageOrder : std::uint16_t { kLayerPlaneHeadTokenDim = 1 };

struct LayoutSpec {
  KvGeometry geometry;
  std::uint32_t page_tokens = 16;
  std::uint32_t chunk_tokens = 256;  // a multiple of page_tokens
  ShardGrid grid;
  PageOrder order = PageOrder::kLayerPlaneHeadTokenDim;
  bool operator==(const LayoutSpec&) const = default;
};

class BlockLayout {
 public:
  // kInvalid: zero sizes, a chunk that is no multiple of the page, a grid that does not divide the geometry
  // (every group must have the same head count when shard_kv_heads is set), sizes beyond 2^40.
  static Result<BlockLayout> make(const LayoutSpec& spec);

  const LayoutSpec& spec() const { return spec_; }
  std::uint32_t pages_per_chunk() const { return spec_.chunk_tokens / spec_.page_tokens; }
  std::uint32_t cells() const { return cells_; }
  KvRange cell(std::uint32_t shard) const;           // ranges of the shard (row-major: layers, then heads)
  std::string cell_slug(std::uint32_t shard) const;  // "L0-28_H2-4", half-open
  // The cells that cover exactly `range`; kInvalid names the cut when a cell lies across its border.
  Result<std::vector<std::uint32_t>> cells_of(const KvRange& range) const;
  KvRange whole() const;

  // Sizes for a range (a cell, or an engine's whole share whose pages keep the same axis order).
  std::uint64_t page_bytes(const KvRange& range) const;   // dense bytes of one page
  std::uint64_t page_stride(const KvRange& range) const;  // rounded up to 4096
  std::uint64_t block_bytes(std::uint32_t shard) const;   // raw_bytes of the shard's block: pages × stride
  std::uint64_t block_bytes_max() const;                  // of all shards
  // Byte offset inside a page of `range` of the [token][dim] tile of (layer, plane, head); layer and head absolute.
  std::uint64_t offset(const KvRange& range, std::uint32_t layer, std::uint32_t plane, std::uint32_t head) const;

 private:
  LayoutSpec spec_;
  std::uint32_t cells_ = 1;
  std::uint32_t cell_rows_ = 1, cell_columns_ = 1;
};

}  // namespace cairn
