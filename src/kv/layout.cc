#include "kv/layout.h"

#include <algorithm>
#include <limits>

#include "base/bytes.h"
#include "base/check.h"

namespace cairn {
namespace {

constexpr std::uint64_t kBlockBytesMax = std::uint64_t{1} << 40;
constexpr std::uint64_t kPageAlignment = 4096;
constexpr std::uint32_t kLayersMax = 4096, kHeadsMax = 65536, kDimMax = 65536, kPlanesMax = 16, kTokensMax = 1 << 20;
constexpr std::size_t kGroupsMax = 256;
constexpr std::uint64_t kCellsMax = 4096;

std::uint32_t heads_of(const KvGeometry& geometry) {
  std::uint32_t heads = 0;
  for (const LayerGroup& group : geometry.groups) heads = std::max(heads, group.heads);
  return heads;
}

Result<void> check_geometry(const KvGeometry& geometry) {
  if (geometry.groups.empty() || geometry.groups.size() > kGroupsMax) {
    return invalid("KV geometry needs 1 to 256 layer groups");
  }
  std::uint64_t layers = 0;
  for (const LayerGroup& group : geometry.groups) {
    const auto within = [](std::uint32_t value, std::uint32_t max) { return value > 0 && value <= max; };
    if (!within(group.layers, kLayersMax)) return invalid("KV geometry: layers must be 1 to 4096");
    if (!within(group.planes, kPlanesMax)) return invalid("KV geometry: planes must be 1 to 16");
    if (!within(group.heads, kHeadsMax)) return invalid("KV geometry: heads must be 1 to 65536");
    if (!within(group.dim, kDimMax)) return invalid("KV geometry: head size must be 1 to 65536");
    if (bytes_of(group.dtype) == 0) return invalid("KV geometry: unknown element type");
    layers += group.layers;
  }
  if (layers > kLayersMax) return invalid("KV geometry: more than 4096 layers");
  return {};
}

Result<void> check_grid(const KvGeometry& geometry, const ShardGrid& grid) {
  const std::uint32_t layers = geometry.layers(), heads = heads_of(geometry);
  if (grid.shard_layers > 0 && layers % grid.shard_layers != 0) {
    return invalid("shard_layers " + std::to_string(grid.shard_layers) + " does not divide " + std::to_string(layers) +
                   " layers");
  }
  if (grid.shard_kv_heads == 0) return {};
  for (const LayerGroup& group : geometry.groups) {
    if (group.heads != heads) return invalid("shard_kv_heads needs the same number of KV heads in every layer");
  }
  if (heads % grid.shard_kv_heads != 0) {
    return invalid("shard_kv_heads " + std::to_string(grid.shard_kv_heads) + " does not divide " +
                   std::to_string(heads) + " KV heads");
  }
  return {};
}

std::uint32_t overlap(std::uint32_t begin, std::uint32_t end, std::uint32_t from, std::uint32_t to) {
  const std::uint32_t low = std::max(begin, from), high = std::min(end, to);
  return high > low ? high - low : 0;
}

// Bytes of the [token][dim] tile of one head and plane.
std::uint64_t tile_bytes(const LayerGroup& group, std::uint32_t page_tokens) {
  return std::uint64_t{page_tokens} * group.dim * bytes_of(group.dtype);
}

// Dense bytes of one page from the range's first layer up to, not including, layer `end`.
std::uint64_t bytes_before(const LayoutSpec& spec, const KvRange& range, std::uint32_t end) {
  std::uint64_t bytes = 0;
  std::uint32_t first = 0;
  for (const LayerGroup& group : spec.geometry.groups) {
    const std::uint64_t layers =
        overlap(range.layer_begin, std::min(range.layer_end, end), first, first + group.layers);
    const std::uint64_t heads = overlap(range.head_begin, range.head_end, 0, group.heads);
    bytes += layers * group.planes * heads * tile_bytes(group, spec.page_tokens);
    first += group.layers;
  }
  return bytes;
}

}  // namespace

std::uint32_t bytes_of(KvDtype dtype) {
  switch (dtype) {
    case KvDtype::kBf16:
    case KvDtype::kF16:
      return 2;
    case KvDtype::kF32:
      return 4;
  }
  return 0;
}

std::uint32_t KvGeometry::layers() const {
  std::uint32_t layers = 0;
  for (const LayerGroup& group : groups) layers += group.layers;
  return layers;
}

Result<BlockLayout> BlockLayout::make(const LayoutSpec& spec) {
  CAIRN_TRY_VOID(check_geometry(spec.geometry));
  if (spec.page_tokens == 0 || spec.page_tokens > kTokensMax) return invalid("page_tokens must be 1 to 1048576");
  if (spec.chunk_tokens == 0 || spec.chunk_tokens > kTokensMax) return invalid("chunk_tokens must be 1 to 1048576");
  if (spec.chunk_tokens % spec.page_tokens != 0) {
    return invalid("chunk_tokens " + std::to_string(spec.chunk_tokens) + " is not a multiple of page_tokens " +
                   std::to_string(spec.page_tokens));
  }
  if (spec.order != PageOrder::kLayerPlaneHeadTokenDim) return invalid("unknown page order");
  CAIRN_TRY_VOID(check_grid(spec.geometry, spec.grid));

  BlockLayout layout;
  layout.spec_ = spec;
  if (spec.grid.shard_layers > 0) layout.cell_rows_ = spec.geometry.layers() / spec.grid.shard_layers;
  if (spec.grid.shard_kv_heads > 0) layout.cell_columns_ = heads_of(spec.geometry) / spec.grid.shard_kv_heads;
  const std::uint64_t cells = std::uint64_t{layout.cell_rows_} * layout.cell_columns_;
  if (cells > kCellsMax) return invalid("the shard grid has more than 4096 cells");
  layout.cells_ = static_cast<std::uint32_t>(cells);
  // 2^12 layers × 2^4 planes × 2^16 heads × 2^20 tokens × 2^16 dim × 4 stays within u128 only: bound step by step.
  for (const LayerGroup& group : spec.geometry.groups) {
    const auto row = static_cast<unsigned __int128>(tile_bytes(group, spec.page_tokens)) * group.heads * group.planes;
    if (row * group.layers * layout.pages_per_chunk() > kBlockBytesMax) return invalid("a block exceeds 2^40 bytes");
  }
  const std::uint64_t stride = round_up(layout.page_bytes(layout.whole()), kPageAlignment);
  if (stride > std::numeric_limits<std::uint32_t>::max()) return invalid("a page exceeds 2^32 bytes");
  if (stride * layout.pages_per_chunk() > kBlockBytesMax) return invalid("a block exceeds 2^40 bytes");
  return layout;
}

KvRange BlockLayout::whole() const { return {0, spec_.geometry.layers(), 0, heads_of(spec_.geometry)}; }

KvRange BlockLayout::cell(std::uint32_t shard) const {
  CAIRN_CHECK(shard < cells_, "no such cell");
  const KvRange all = whole();
  const std::uint32_t layers = all.layer_end / cell_rows_, heads = all.head_end / cell_columns_;
  const std::uint32_t row = shard / cell_columns_, column = shard % cell_columns_;
  return {row * layers, (row + 1) * layers, column * heads, (column + 1) * heads};
}

std::string BlockLayout::cell_slug(std::uint32_t shard) const {
  const KvRange range = cell(shard);
  return "L" + std::to_string(range.layer_begin) + "-" + std::to_string(range.layer_end) + "_H" +
         std::to_string(range.head_begin) + "-" + std::to_string(range.head_end);
}

Result<std::vector<std::uint32_t>> BlockLayout::cells_of(const KvRange& range) const {
  const KvRange all = whole();
  if (range.layer_begin >= range.layer_end || range.layer_end > all.layer_end || range.head_begin >= range.head_end ||
      range.head_end > all.head_end) {
    return invalid("layers " + std::to_string(range.layer_begin) + "-" + std::to_string(range.layer_end) +
                   ", KV heads " + std::to_string(range.head_begin) + "-" + std::to_string(range.head_end) +
                   " are not a range of this model");
  }
  const std::uint32_t layers = all.layer_end / cell_rows_, heads = all.head_end / cell_columns_;
  const auto cut = [](const char* what, std::uint32_t border, const char* option, std::uint32_t size) {
    return invalid(std::string(what) + " " + std::to_string(border) + " cuts a cell of the store's grid (" + option +
                   " " + std::to_string(size) + ")");
  };
  for (const std::uint32_t border : {range.layer_begin, range.layer_end}) {
    if (border % layers != 0) return cut("layer", border, "shard_layers", layers);
  }
  for (const std::uint32_t border : {range.head_begin, range.head_end}) {
    if (border % heads != 0) return cut("KV head", border, "shard_kv_heads", heads);
  }
  std::vector<std::uint32_t> cells;
  for (std::uint32_t row = range.layer_begin / layers; row < range.layer_end / layers; ++row) {
    for (std::uint32_t column = range.head_begin / heads; column < range.head_end / heads; ++column) {
      cells.push_back(row * cell_columns_ + column);
    }
  }
  return cells;
}

std::uint64_t BlockLayout::page_bytes(const KvRange& range) const {
  return bytes_before(spec_, range, range.layer_end);
}

std::uint64_t BlockLayout::page_stride(const KvRange& range) const {
  return round_up(page_bytes(range), kPageAlignment);
}

std::uint64_t BlockLayout::block_bytes(std::uint32_t shard) const {
  return page_stride(cell(shard)) * pages_per_chunk();
}

std::uint64_t BlockLayout::block_bytes_max() const {
  std::uint64_t most = 0;
  for (std::uint32_t shard = 0; shard < cells_; ++shard) most = std::max(most, block_bytes(shard));
  return most;
}

std::uint64_t BlockLayout::offset(const KvRange& range, std::uint32_t layer, std::uint32_t plane,
                                  std::uint32_t head) const {
  CAIRN_CHECK(layer >= range.layer_begin && layer < range.layer_end, "layer outside the range");
  std::uint32_t first = 0;
  for (const LayerGroup& group : spec_.geometry.groups) {
    if (layer < first + group.layers) {
      CAIRN_CHECK(plane < group.planes, "no such plane");
      CAIRN_CHECK(head >= range.head_begin && head < std::min(range.head_end, group.heads), "head outside the range");
      const std::uint64_t heads = std::min(range.head_end, group.heads) - range.head_begin;
      const std::uint64_t tile = plane * heads + (head - range.head_begin);
      return bytes_before(spec_, range, layer) + tile * tile_bytes(group, spec_.page_tokens);
    }
    first += group.layers;
  }
  CAIRN_CHECK(false, "layer outside the model");
}

}  // namespace cairn
