#include "model/forward_state.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "model/rope.h"

namespace cairn {

namespace {

std::vector<float> widened(std::span<const Bf16> values, const KernelTable& kernels) {
  std::vector<float> out(values.size());
  kernels.from_bf16(values.data(), out.data(), values.size());
  return out;
}

PackedMatrix packed(std::span<const Bf16> values, std::size_t k, ThreadPool& pool, KernelArena& arena) {
  const MatrixRows part[] = {{values}};
  return PackedMatrix(stacked_rows(part, k), k, pool, arena);
}

PackedLayer pack_layer(const LayerWeights& layer, const ModelSpec& spec, const Compute& compute, KernelArena& arena) {
  const MatrixRows qkv[] = {{layer.q}, {layer.k}, {layer.v}};
  const std::size_t query_width = std::size_t{spec.query_heads} * spec.head_dim;
  PackedLayer out;
  out.qkv = PackedMatrix(stacked_rows(qkv, spec.hidden), spec.hidden, compute.pool, arena);
  out.o = packed(layer.o, query_width, compute.pool, arena);
  out.gate_up = PackedMatrix(interleaved_rows(layer.gate, layer.up, spec.hidden), spec.hidden, compute.pool, arena);
  out.down = packed(layer.down, spec.intermediate, compute.pool, arena);
  out.input_norm = widened(layer.input_norm, compute.kernels);
  out.post_attention_norm = widened(layer.post_attention_norm, compute.kernels);
  out.q_norm = widened(layer.q_norm, compute.kernels);
  out.k_norm = widened(layer.k_norm, compute.kernels);
  return out;
}

}  // namespace

PackedModel pack_model(const ModelWeights& weights, const Compute& compute) {
  PackedModel model;
  model.spec = weights.spec();
  model.embedding = weights.embedding();
  for (const LayerWeights& layer : weights.layers())
    model.layers.push_back(pack_layer(layer, model.spec, compute, model.arena));
  model.head = packed(weights.lm_head(), model.spec.hidden, compute.pool, model.arena);
  model.final_norm = widened(weights.final_norm(), compute.kernels);
  model.rope_frequencies = rope_frequencies(model.spec.rope, model.spec.head_dim);
  return model;
}

Buffers make_buffers(const PackedModel& model, const AttentionShape& shape, std::size_t tokens_max,
                     std::uint32_t threads) {
  const ModelSpec& spec = model.spec;
  Buffers b;
  b.hidden_stride = round_up(spec.hidden, kBlockK);
  b.qkv_stride = round_up(model.query_width() + 2 * model.kv_width(), kPanelColumns);
  b.attention_stride = round_up(model.query_width(), kBlockK);
  b.inner_stride = round_up(spec.intermediate, kBlockK);
  b.residual = KernelArray<float>(tokens_max * b.hidden_stride);
  b.normed = KernelArray<float>(tokens_max * b.hidden_stride);
  b.head_rows = KernelArray<float>(tokens_max * b.hidden_stride);
  b.qkv = KernelArray<float>(tokens_max * b.qkv_stride);
  b.query = KernelArray<float>(tokens_max * spec.query_heads * shape.padded_dim());
  b.attention = KernelArray<float>(tokens_max * b.attention_stride);
  b.inner = KernelArray<float>(tokens_max * b.inner_stride);
  b.cosine = KernelArray<float>(tokens_max * spec.head_dim / 2);
  b.sine = KernelArray<float>(tokens_max * spec.head_dim / 2);
  b.gate_up = KernelArray<float>(threads * kGateUpScratch);
  b.heads = KernelArray<float>(std::size_t{threads} * spec.head_dim);
  for (std::uint32_t i = 0; i < threads; ++i) b.attention_scratch.emplace_back(shape);
  return b;
}

std::uint64_t buffer_bytes(const ModelSpec& spec, std::size_t tokens_max, std::uint32_t threads) {
  const std::uint64_t query = std::uint64_t{spec.query_heads} * spec.head_dim;
  const std::uint64_t padded_query = std::uint64_t{spec.query_heads} * round_up(spec.head_dim, kBlockK);
  const std::uint64_t of_token = 3 * round_up(spec.hidden, kBlockK) +
                                 round_up(query + 2ull * spec.kv_heads * spec.head_dim, kPanelColumns) + padded_query +
                                 round_up(query, kBlockK) + round_up(spec.intermediate, kBlockK) + spec.head_dim;
  return sizeof(float) * (tokens_max * of_token + threads * (kGateUpScratch + spec.head_dim));
}

StepPlan plan_step(std::span<const ForwardSlice> slices, const PagePool& pool, std::size_t page_tokens,
                   std::size_t group) {
  StepPlan plan;
  const auto block_tokens = static_cast<std::uint32_t>(attention_block_tokens(group));
  for (std::uint32_t s = 0; s < slices.size(); ++s) {
    const ForwardSlice& slice = slices[s];
    const auto count = static_cast<std::uint32_t>(slice.tokens.size());
    const auto first_row = static_cast<std::uint32_t>(plan.places.size());
    CAIRN_CHECK(count > 0, "a slice without tokens");
    const std::size_t pages = (std::size_t{slice.position} + count + page_tokens - 1) / page_tokens;
    CAIRN_CHECK(slice.pages.size() >= pages, "a block table that ends before its slice");
    std::vector<std::byte*>& used = plan.pages.emplace_back();
    for (std::size_t i = 0; i < pages; ++i) {
      CAIRN_CHECK(slice.pages[i].index < pool.pages, "a page outside the pool");
      used.push_back(pool.base + slice.pages[i].index * pool.page_stride);
    }
    for (std::uint32_t t = 0; t < count; ++t) plan.places.push_back({slice.tokens[t], s, slice.position + t});
    for (std::uint32_t t = 0; t < count; t += block_tokens) {
      plan.blocks.push_back({s, first_row + t, std::min(block_tokens, count - t), slice.position + t});
    }
    if (slice.logits == LogitsOf::kAll) {
      for (std::uint32_t t = 0; t < count; ++t) plan.logit_rows.push_back(first_row + t);
    } else if (slice.logits == LogitsOf::kLast) {
      plan.logit_rows.push_back(first_row + count - 1);
    }
  }
  return plan;
}

PageOffsets page_offsets(const BlockLayout& layout) {
  const KvRange whole = layout.whole();
  PageOffsets offsets;
  offsets.heads = whole.head_end - whole.head_begin;
  for (std::uint32_t layer = whole.layer_begin; layer < whole.layer_end; ++layer) {
    for (std::uint32_t plane = 0; plane < 2; ++plane) {
      for (std::uint32_t head = whole.head_begin; head < whole.head_end; ++head) {
        offsets.tiles.push_back(layout.offset(whole, layer, plane, head));
      }
    }
  }
  return offsets;
}

}  // namespace cairn
