// Causal attention of one query block over paged KV: scores, online softmax in chunks of 256 absolute positions, and
// the weighted sum, all from K and V as they stand in the pages (bf16).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/kernel_memory.h"
#include "model/kernel_table.h"

namespace cairn {

struct AttentionShape {
  std::size_t group;        // query heads for each KV head
  std::size_t dim;          // a multiple of 16
  std::size_t page_tokens;  // a multiple of 16 that divides 256
  float scale;              // log2(e) / sqrt(dim), see attention_scale
  std::size_t padded_dim() const { return (dim + kBlockK - 1) / kBlockK * kBlockK; }
};
float attention_scale(std::size_t dim);

// Queries of `tokens` consecutive positions, all query heads of one KV head.
struct AttentionBlock {
  const float* q;  // [tokens][group][padded_dim], rounded to bf16, zero beyond dim
  std::size_t tokens;
  std::size_t position;           // of the first token; K and V up to the last one are in the pages
  const std::uint16_t* const* k;  // one pointer for each page from position 0, to [page_tokens][dim]
  const std::uint16_t* const* v;
  float* out;  // token t, head g: out + t × out_stride + g × dim
  std::size_t out_stride;
};

// One thread's working memory.
class AttentionScratch {
 public:
  AttentionScratch() = default;
  explicit AttentionScratch(const AttentionShape& shape);

 private:
  friend void attend(const KernelTable& kernels, const AttentionShape& shape, const AttentionBlock& block,
                     AttentionScratch& scratch);
  KernelArray<std::uint32_t> k_, v_;                           // one chunk, packed
  KernelArray<float> scores_, product_, sum_, maximum_, out_;  // a tile; a block
};

std::size_t attention_block_tokens(std::size_t group);  // the most tokens of one block
void attend(const KernelTable& kernels, const AttentionShape& shape, const AttentionBlock& block,
            AttentionScratch& scratch);

}  // namespace cairn
