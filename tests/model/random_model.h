// A small model of any shape with random weights, in memory, and paged KV to run it on.
#pragma once

#include <bit>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "base/random.h"
#include "kv/layout.h"
#include "model/forward.h"
#include "model/weights.h"

namespace cairn {

class RandomModel final : public ModelWeights {
 public:
  RandomModel(const ModelSpec& spec, std::uint64_t seed) : random_(seed) {
    spec_ = spec;
    const std::size_t hidden = spec.hidden, inner = spec.intermediate, dim = spec.head_dim;
    const std::size_t query = spec.query_heads * dim, kv = spec.kv_heads * dim;
    const bool norms = spec.architecture == Architecture::kQwen3;
    embedding_ = tensor(spec.vocabulary * hidden, 1.0);
    final_norm_ = norm(hidden);
    lm_head_ = spec.tied_embedding ? embedding_ : tensor(spec.vocabulary * hidden, 0.3);
    for (std::uint32_t i = 0; i < spec.layers; ++i) {
      layers_.push_back({.input_norm = norm(hidden),
                         .post_attention_norm = norm(hidden),
                         .q = tensor(query * hidden, 0.2),
                         .k = tensor(kv * hidden, 0.2),
                         .v = tensor(kv * hidden, 0.2),
                         .o = tensor(hidden * query, 0.2),
                         .q_norm = norms ? norm(dim) : std::span<const Bf16>{},
                         .k_norm = norms ? norm(dim) : std::span<const Bf16>{},
                         .gate = tensor(inner * hidden, 0.2),
                         .up = tensor(inner * hidden, 0.2),
                         .down = tensor(hidden * inner, 0.2)});
    }
  }

  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;

 private:
  std::span<const Bf16> filled(std::size_t n, double scale, double offset) {
    std::vector<Bf16>& values = storage_.emplace_back(n);
    for (Bf16& value : values) {
      const auto x = static_cast<float>((random_.uniform() * 2 - 1) * scale + offset);
      value = static_cast<Bf16>(std::bit_cast<std::uint32_t>(x) >> 16);
    }
    return values;
  }
  std::span<const Bf16> tensor(std::size_t n, double scale) { return filled(n, scale, 0.0); }
  std::span<const Bf16> norm(std::size_t n) { return filled(n, 0.3, 1.0); }

  Random random_;
  std::list<std::vector<Bf16>> storage_;
};

inline ModelSpec small_spec(Architecture architecture, std::uint32_t query_heads, std::uint32_t kv_heads,
                            std::uint32_t dim) {
  ModelSpec spec;
  spec.architecture = architecture;
  spec.layers = 3, spec.hidden = 80, spec.intermediate = 112;
  spec.query_heads = query_heads, spec.kv_heads = kv_heads, spec.head_dim = dim;
  spec.vocabulary = 301, spec.context = 1024;
  spec.tied_embedding = architecture == Architecture::kLlama;
  return spec;
}

inline BlockLayout layout_of(const ModelSpec& spec) {
  LayoutSpec layout;
  layout.geometry = spec.kv_geometry();
  return BlockLayout::make(layout).value();
}

// A pool whose pages start as garbage, handed out in a scattered order.
struct TestPool {
  TestPool(const BlockLayout& layout, std::uint32_t pages)
      : stride(layout.page_stride(layout.whole())), bytes(stride * pages / 8, 0x7f817f817f817f81ull), count(pages) {}
  PagePool pool() { return {reinterpret_cast<std::byte*>(bytes.data()), stride, count}; }
  std::vector<PageId> table(std::uint32_t first, std::uint32_t pages) const {
    std::vector<PageId> ids;
    for (std::uint32_t i = 0; i < pages; ++i) ids.push_back({(first + i) * 7 % count});  // count is prime to 7
    return ids;
  }
  // Bytes of the K and V of one token in every layer, head and plane.
  std::vector<Bf16> kv_of(const BlockLayout& layout, std::span<const PageId> pages, std::uint32_t position) const {
    const KvRange whole = layout.whole();
    const LayerGroup& group = layout.spec().geometry.groups.front();
    std::vector<Bf16> out;
    const auto* page = reinterpret_cast<const std::byte*>(bytes.data()) + pages[position / 16].index * stride;
    for (std::uint32_t layer = 0; layer < group.layers; ++layer) {
      for (std::uint32_t plane = 0; plane < 2; ++plane) {
        for (std::uint32_t head = 0; head < group.heads; ++head) {
          const auto* tile = reinterpret_cast<const Bf16*>(page + layout.offset(whole, layer, plane, head));
          out.insert(out.end(), tile + position % 16 * group.dim, tile + (position % 16 + 1) * group.dim);
        }
      }
    }
    return out;
  }
  std::uint64_t stride;
  std::vector<std::uint64_t> bytes;
  std::uint32_t count;
};

inline std::vector<TokenId> random_tokens(std::size_t n, std::uint32_t vocabulary, std::uint64_t seed) {
  Random random(seed);
  std::vector<TokenId> tokens(n);
  for (TokenId& token : tokens) token = static_cast<TokenId>(random.below(vocabulary));
  return tokens;
}

}  // namespace cairn
