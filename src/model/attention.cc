#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/bytes.h"
#include "base/check.h"

namespace cairn {

namespace {

constexpr std::size_t kBlockRows = 192;  // query rows (token, head) that share one packed chunk
constexpr std::size_t kTileRows = 24;    // rows whose scores are live at once: 24 KiB
constexpr std::size_t kRowPairs = kChunkTokens / 2;

struct Chunk {
  std::size_t begin, tokens;  // absolute first position; positions up to the block's last one
};

struct Work {  // what one block's functions share; pointers into its scratch
  const KernelTable& kernels;
  const AttentionShape& shape;
  const AttentionBlock& block;
  std::uint32_t *k, *v;
  float *scores, *product, *sum, *maximum, *out;
};

void pack_chunk(const Work& work, Chunk chunk) {
  const AttentionShape& shape = work.shape;
  const std::size_t padded = shape.padded_dim();
  for (std::size_t t = 0; t < chunk.tokens; t += shape.page_tokens) {
    const std::size_t page = (chunk.begin + t) / shape.page_tokens;
    const std::size_t count = std::min(shape.page_tokens, chunk.tokens - t);
    work.kernels.pack_k(work.block.k[page], count, shape.dim, padded, t, work.k);
    work.kernels.pack_v(work.block.v[page], count, shape.dim, t, work.v);
  }
  // What a page holds beyond the last token is stale: its rows of V count as zeros up to the block of 32.
  const std::size_t from = (chunk.tokens + 1) / 2, to = round_up(chunk.tokens, kBlockK) / 2;
  for (std::size_t panel = 0; panel < padded / kPanelColumns; ++panel) {
    std::uint32_t* words = work.v + (panel * kRowPairs + from) * kPanelColumns;
    std::memset(words, 0, (to - from) * kPanelColumns * sizeof(std::uint32_t));
  }
}

// Rows [first, end) of the block against the packed chunk; the last row's position is at or behind chunk.begin.
void attend_tile(const Work& work, Chunk chunk, std::size_t first, std::size_t end) {
  const AttentionShape& shape = work.shape;
  const std::size_t padded = shape.padded_dim(), rows = end - first;
  const auto valid = [&](std::size_t row) {
    return std::min(kChunkTokens, work.block.position + row / shape.group + 1 - chunk.begin);
  };
  const std::size_t columns = round_up(valid(end - 1), kBlockK);
  GemmCall call{.a = work.block.q + first * padded,
                .a_stride = padded,
                .b = work.k,
                .k = padded,
                .c = work.scores,
                .c_stride = kChunkTokens,
                .rows = rows,
                .columns = kPanelColumns,
                .add = false};
  for (std::size_t column = 0; column < columns; column += kPanelColumns) {
    work.kernels.gemm(call);
    call.b += padded / 2 * kPanelColumns;
    call.c += kPanelColumns;
  }
  float factor[kTileRows];
  for (std::size_t r = 0; r < rows; ++r) {
    factor[r] = work.kernels.softmax({.scores = work.scores + r * kChunkTokens,
                                      .valid = valid(first + r),
                                      .padded = columns,
                                      .scale = shape.scale,
                                      .maximum = work.maximum + first + r,
                                      .sum = work.sum + first + r});
  }
  call = {.a = work.scores,
          .a_stride = kChunkTokens,
          .b = work.v,
          .k = columns,
          .c = work.product,
          .c_stride = padded,
          .rows = rows,
          .columns = kPanelColumns,
          .add = false};
  for (std::size_t column = 0; column < padded; column += kPanelColumns) {
    work.kernels.gemm(call);
    call.b += kRowPairs * kPanelColumns;
    call.c += kPanelColumns;
  }
  for (std::size_t r = 0; r < rows; ++r) {
    work.kernels.rescale_add(work.out + (first + r) * padded, work.product + r * padded, factor[r], shape.dim);
  }
}

}  // namespace

float attention_scale(std::size_t dim) {
  constexpr double kLog2E = 0x1.71547652b82fep+0;
  return static_cast<float>(kLog2E / std::sqrt(static_cast<double>(dim)));  // IEEE square root and quotient
}

std::size_t attention_block_tokens(std::size_t group) { return std::max<std::size_t>(1, kBlockRows / group); }

AttentionScratch::AttentionScratch(const AttentionShape& shape)
    : k_(kChunkTokens * shape.padded_dim() / 2),
      v_(kRowPairs * shape.padded_dim()),
      scores_(kTileRows * kChunkTokens),
      product_(kTileRows * shape.padded_dim()),
      sum_(attention_block_tokens(shape.group) * shape.group),
      maximum_(sum_.size()),
      out_(sum_.size() * shape.padded_dim()) {}

void attend(const KernelTable& kernels, const AttentionShape& shape, const AttentionBlock& block,
            AttentionScratch& scratch) {
  CAIRN_CHECK(block.tokens >= 1 && block.tokens <= attention_block_tokens(shape.group), "attention block too large");
  const std::size_t padded = shape.padded_dim(), rows = block.tokens * shape.group;
  const std::size_t last = block.position + block.tokens - 1;
  const Work work{kernels,
                  shape,
                  block,
                  scratch.k_.data(),
                  scratch.v_.data(),
                  scratch.scores_.data(),
                  scratch.product_.data(),
                  scratch.sum_.data(),
                  scratch.maximum_.data(),
                  scratch.out_.data()};
  std::fill_n(work.sum, rows, 0.0f);
  std::fill_n(work.maximum, rows, -std::numeric_limits<float>::infinity());
  std::fill_n(work.out, rows * padded, 0.0f);
  for (std::size_t begin = 0; begin <= last; begin += kChunkTokens) {
    const Chunk chunk{begin, std::min(kChunkTokens, last + 1 - begin)};
    pack_chunk(work, chunk);
    // Rows whose position lies before the chunk have no part in it.
    const std::size_t skipped = begin > block.position ? (begin - block.position) * shape.group : 0;
    for (std::size_t row = skipped; row < rows; row += kTileRows) {
      attend_tile(work, chunk, row, std::min(row + kTileRows, rows));
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    float* out = block.out + r / shape.group * block.out_stride + r % shape.group * shape.dim;
    kernels.divide_round(work.out + r * padded, work.sum[r], out, shape.dim);
  }
}

}  // namespace cairn
