// What the stages of one forward share: packed weights, activation buffers, and the plan of the current step. Internal
// to forward*.cc; the step thread owns it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kv/layout.h"
#include "model/attention.h"
#include "model/forward.h"
#include "model/gemm.h"
#include "model/kernel_memory.h"
#include "model/spec.h"
#include "model/weights.h"

namespace cairn {

struct PackedLayer {
  PackedMatrix qkv, o, gate_up, down;
  std::vector<float> input_norm, post_attention_norm;  // f32 of the bf16 weights
  std::vector<float> q_norm, k_norm;                   // Qwen3 only, else empty
};

struct PackedModel {
  ModelSpec spec;
  KernelArena arena;                // holds the matrices' words
  std::span<const Bf16> embedding;  // borrowed from the weights
  std::vector<PackedLayer> layers;
  PackedMatrix head;
  std::vector<float> final_norm;
  std::vector<double> rope_frequencies;

  std::size_t query_width() const { return std::size_t{spec.query_heads} * spec.head_dim; }
  std::size_t kv_width() const { return std::size_t{spec.kv_heads} * spec.head_dim; }
};
PackedModel pack_model(const ModelWeights& weights, const Compute& compute);

// Widths are padded to blocks of 32 and the padding stays zero: it is the K tail of the next product.
struct Buffers {
  std::size_t hidden_stride = 0, qkv_stride = 0, attention_stride = 0, inner_stride = 0;
  KernelArray<float> residual, normed, qkv, query, attention, inner, cosine, sine, gate_up, head_rows;
  KernelArray<float> heads;  // one head for each thread, between RoPE and the page
  std::vector<AttentionScratch> attention_scratch;
  std::vector<float> logits;
};
Buffers make_buffers(const PackedModel& model, const AttentionShape& shape, std::size_t tokens_max,
                     std::uint32_t threads);

// Bytes of what make_buffers takes, small change of the threads aside.
std::uint64_t buffer_bytes(const ModelSpec& spec, std::size_t tokens_max, std::uint32_t threads);

// One token of the step, in the order of the batch.
struct TokenPlace {
  TokenId token;
  std::uint32_t slice, position;
};
// Consecutive tokens of one slice that attend together.
struct QueryBlock {
  std::uint32_t slice, first_row, tokens, position;
};
struct StepPlan {
  std::vector<TokenPlace> places;
  std::vector<QueryBlock> blocks;
  std::vector<std::uint32_t> logit_rows;
  std::vector<std::vector<std::byte*>> pages;  // per slice: the pages it uses, from position 0
};
StepPlan plan_step(std::span<const ForwardSlice> slices, const PagePool& pool, std::size_t page_tokens,
                   std::size_t group);

// Offsets inside a page of the [token][dim] tiles of one layer and head.
struct PageOffsets {
  std::vector<std::uint64_t> tiles;  // [layer][K|V][head]
  std::size_t heads = 0;
  std::uint64_t at(std::size_t layer, std::size_t plane, std::size_t head) const {
    return tiles[(layer * 2 + plane) * heads + head];
  }
};
PageOffsets page_offsets(const BlockLayout& layout);

}  // namespace cairn
