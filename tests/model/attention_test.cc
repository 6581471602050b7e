// Property: attention is causal softmax over the pages, near what exact arithmetic gives, and its bits depend neither
// on how queries are cut into blocks nor on what a page holds beyond the last token.
#include "model/attention.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "model/kernel_cases.h"

namespace cairn {
namespace {

constexpr std::size_t kTokens = 300;

struct World {
  explicit World(const AttentionShape& attention_shape) : shape(attention_shape) {
    kernel_cases::Inputs inputs;
    const std::size_t pages = (kTokens + 15) / 16;
    q = inputs.rounded(kTokens * shape.group * shape.padded_dim(), 2.0f);
    for (std::size_t i = 0; i < q.size(); ++i) {
      if (i % shape.padded_dim() >= shape.dim) q[i] = 0;
    }
    k = inputs.halves(pages * 16 * shape.dim, 2.0f);
    v = inputs.halves(k.size(), 1.0f);
    for (std::size_t i = 0; i < pages; ++i) {
      k_pages.push_back(k.data() + i * 16 * shape.dim);
      v_pages.push_back(v.data() + i * 16 * shape.dim);
    }
  }
  // Output of positions [position, position + tokens) in blocks of `step`.
  std::vector<float> run(std::size_t position, std::size_t tokens, std::size_t step) const {
    const ScopedFpu fpu;
    AttentionScratch scratch(shape);
    std::vector<float> out(tokens * width());
    for (std::size_t t = 0; t < tokens; t += step) {
      attend(*select_kernels("").value(), shape,
             {.q = q.data() + (position + t) * shape.group * shape.padded_dim(),
              .tokens = std::min(step, tokens - t),
              .position = position + t,
              .k = k_pages.data(),
              .v = v_pages.data(),
              .out = out.data() + t * width(),
              .out_stride = width()},
             scratch);
    }
    return out;
  }
  std::size_t width() const { return shape.group * shape.dim; }
  static double value(std::uint16_t half) { return std::bit_cast<float>(std::uint32_t{half} << 16); }

  AttentionShape shape;
  std::vector<float> q;
  std::vector<std::uint16_t> k, v;
  std::vector<const std::uint16_t*> k_pages, v_pages;
};

AttentionShape shape_of(std::size_t group, std::size_t dim) {
  return {.group = group, .dim = dim, .page_tokens = 16, .scale = attention_scale(dim)};
}

TEST(Attention, IsNearTheExactSoftmax) {
  const World world(shape_of(3, 48));
  const std::vector<float> got = world.run(0, kTokens, 64);
  for (const std::size_t p : {0, 1, 15, 16, 31, 32, 255, 256, 257, 299}) {
    for (std::size_t g = 0; g < 3; ++g) {
      std::vector<double> score(p + 1), out(48, 0.0);
      double sum = 0, largest = -1e30;
      for (std::size_t t = 0; t <= p; ++t) {
        for (std::size_t d = 0; d < 48; ++d) {
          score[t] += static_cast<double>(world.q[(p * 3 + g) * 64 + d]) * World::value(world.k[t * 48 + d]);
        }
        score[t] /= std::sqrt(48.0);
        largest = std::max(largest, score[t]);
      }
      for (std::size_t t = 0; t <= p; ++t) {
        const double weight = std::exp(score[t] - largest);
        sum += weight;
        for (std::size_t d = 0; d < 48; ++d) out[d] += weight * World::value(world.v[t * 48 + d]);
      }
      for (std::size_t d = 0; d < 48; ++d) {
        ASSERT_NEAR(got[p * 144 + g * 48 + d], out[d] / sum, 0.01) << "position " << p << " head " << g;
      }
    }
  }
}

TEST(Attention, BlocksOfQueriesDoNotChangeABit) {
  for (const std::size_t group : {1, 3, 4}) {
    for (const std::size_t dim : {16, 80, 128}) {
      const World world(shape_of(group, dim));
      const std::vector<float> whole = world.run(0, kTokens, attention_block_tokens(group));
      for (const std::size_t step : {1, 5, 16, 48}) {
        ASSERT_EQ(kernel_cases::differences(whole, world.run(0, kTokens, step)), 0u) << group << " " << dim;
      }
    }
  }
}

TEST(Attention, WhatLiesBeyondTheLastTokenIsNotSeen) {
  World world(shape_of(3, 64));
  for (const std::size_t last : {0, 14, 30, 200, 256}) {
    const std::vector<float> want = world.run(last, 1, 1);
    const std::vector<std::uint16_t> k = world.k, v = world.v;
    for (std::size_t i = (last + 1) * 64; i < world.k.size(); ++i) world.k[i] = world.v[i] = 0x7fc1;  // NaN
    EXPECT_EQ(kernel_cases::differences(want, world.run(last, 1, 1)), 0u) << last;
    std::copy(k.begin(), k.end(), world.k.begin());
    std::copy(v.begin(), v.end(), world.v.begin());
  }
}

}  // namespace
}  // namespace cairn
