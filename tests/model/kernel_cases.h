// Property: a kernel table gives the bits of the scalar oracle on every shape and tail. Shared by the tests of the
// instruction sets; a machine without one skips its tests by name.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/random.h"
#include "model/attention.h"
#include "model/kernel_memory.h"
#include "model/kernel_select.h"

namespace cairn::kernel_cases {

struct Inputs {
  Random random{7};
  // Mostly ordinary numbers; `edges` adds zeros, denormals and values near the underflow limit.
  float number(float scale, bool edges) {
    const float x = static_cast<float>(random.uniform() * 2 - 1) * scale;
    if (!edges || random.below(16) != 0) return x;
    const float special[] = {0.0f, -0.0f, 0x1p-130f, -0x1.8p-126f, 0x1p-64f, -0x1p-63f, 0x1p60f};
    return special[random.below(7)];
  }
  std::vector<float> floats(std::size_t n, float scale, bool edges = false) {
    std::vector<float> x(n);
    for (float& value : x) value = number(scale, edges);
    return x;
  }
  std::vector<std::uint16_t> halves(std::size_t n, float scale, bool edges = false) {
    std::vector<std::uint16_t> x(n);
    for (std::uint16_t& value : x)
      value = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(number(scale, edges)) >> 16);
    return x;
  }
  std::vector<float> rounded(std::size_t n, float scale, bool edges = false) {
    std::vector<float> x;
    for (const std::uint16_t half : halves(n, scale, edges))
      x.push_back(std::bit_cast<float>(std::uint32_t{half} << 16));
    return x;
  }
};

inline std::size_t differences(const std::vector<float>& a, const std::vector<float>& b) {
  std::size_t count = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const bool both_nan = std::isnan(a[i]) && std::isnan(b[i]);
    if (!both_nan && std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) ++count;
  }
  return count;
}

inline void gemm(const KernelTable& table) {
  const ScopedFpu fpu;
  Inputs inputs;
  const std::size_t heights[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 64, 67, 109};
  for (const bool edges : {false, true}) {
    for (const std::size_t k : {32, 64, 544, 1056}) {
      const std::size_t stride = k + 5;
      const std::vector<float> a = inputs.rounded(109 * stride, 2.0f, edges);
      const std::vector<std::uint16_t> b = inputs.halves(k * kPanelColumns, 1.0f, edges);
      KernelArray<std::uint32_t> panel(k / 2 * kPanelColumns);
      for (std::size_t i = 0; i < panel.size(); ++i) panel.data()[i] = b[2 * i] | std::uint32_t{b[2 * i + 1]} << 16;
      for (const std::size_t rows : heights) {
        for (const std::size_t columns : {1, 15, 16, 17, 31, 32}) {
          std::vector<float> want(rows * 37, 0.75f), got = want;
          GemmCall call{.a = a.data(),
                        .a_stride = stride,
                        .b = panel.data(),
                        .k = k,
                        .c = want.data(),
                        .c_stride = 37,
                        .rows = rows,
                        .columns = columns,
                        .add = columns % 2 == 0};
          scalar_kernels().gemm(call);
          call.c = got.data();
          table.gemm(call);
          ASSERT_EQ(differences(want, got), 0u) << rows << " rows, " << columns << " columns, k " << k;
        }
      }
    }
  }
}

inline void packs(const KernelTable& table) {
  Inputs inputs;
  for (const std::size_t dim : {16, 48, 64, 80, 128}) {
    const std::size_t padded = (dim + 31) / 32 * 32;
    for (const std::size_t column : {0, 16, 48, 240}) {
      for (std::size_t tokens = 1; tokens <= 16; ++tokens) {
        const std::vector<std::uint16_t> rows = inputs.halves(tokens * dim, 1.0f);
        std::vector<std::uint32_t> want(kChunkTokens * padded / 2, 9), got = want;
        scalar_kernels().pack_k(rows.data(), tokens, dim, padded, column, want.data());
        table.pack_k(rows.data(), tokens, dim, padded, column, got.data());
        ASSERT_EQ(want, got) << "K: " << tokens << " tokens of " << dim << " at " << column;
        scalar_kernels().pack_v(rows.data(), tokens, dim, column, want.data());
        table.pack_v(rows.data(), tokens, dim, column, got.data());
        ASSERT_EQ(want, got) << "V: " << tokens << " tokens of " << dim << " at " << column;
      }
    }
  }
}

inline void softmax(const KernelTable& table) {
  const ScopedFpu fpu;
  Inputs inputs;
  for (std::size_t valid = 1; valid <= 256; ++valid) {
    for (const float scale : {3.0f, 4000.0f}) {
      const std::vector<float> scores = inputs.floats(256, scale);
      std::vector<float> want = scores, got = scores;
      float want_state[2] = {-std::numeric_limits<float>::infinity(), 0}, got_state[2] = {want_state[0], 0};
      for (int chunk = 0; chunk < 2; ++chunk) {  // the second one meets a running state
        const std::size_t padded = (valid + 31) / 32 * 32;
        const float a = scalar_kernels().softmax({want.data(), valid, padded, 0.18f, &want_state[0], &want_state[1]});
        const float b = table.softmax({got.data(), valid, padded, 0.18f, &got_state[0], &got_state[1]});
        ASSERT_EQ(differences({a, want_state[0], want_state[1]}, {b, got_state[0], got_state[1]}), 0u) << valid;
        want.resize(padded), got.resize(padded);
        ASSERT_EQ(differences(want, got), 0u) << valid;
        want = got = inputs.floats(256, scale);
      }
    }
  }
}

inline void rows(const KernelTable& table) {
  const ScopedFpu fpu;
  const KernelTable& oracle = scalar_kernels();
  Inputs inputs;
  for (std::size_t n : {1, 2, 7, 15, 16, 17, 31, 48, 64, 100, 575, 576, 577}) {
    for (const bool edges : {false, true}) {
      const std::vector<float> x = inputs.floats(n, 90.0f, edges), y = inputs.floats(n, 2.0f, edges);
      std::vector<float> want(n), got(n);
      oracle.rmsnorm(x.data(), y.data(), 1e-5f, want.data(), n);
      table.rmsnorm(x.data(), y.data(), 1e-5f, got.data(), n);
      ASSERT_EQ(differences(want, got), 0u) << "rmsnorm " << n;
      oracle.swiglu(x.data(), y.data(), want.data(), n);
      table.swiglu(x.data(), y.data(), got.data(), n);
      ASSERT_EQ(differences(want, got), 0u) << "swiglu " << n;
      oracle.divide_round(x.data(), 1.7f, want.data(), n);
      table.divide_round(x.data(), 1.7f, got.data(), n);
      ASSERT_EQ(differences(want, got), 0u) << "divide " << n;
      want = got = y;
      oracle.rescale_add(want.data(), x.data(), 0.3f, n);
      table.rescale_add(got.data(), x.data(), 0.3f, n);
      ASSERT_EQ(differences(want, got), 0u) << "rescale " << n;
    }
  }
  for (const std::size_t dim : {2, 16, 48, 64, 80, 128}) {
    const std::vector<float> x = inputs.floats(dim, 3.0f), w = inputs.floats(dim, 1.0f);
    const std::vector<float> c = inputs.floats(dim / 2, 1.0f), s = inputs.floats(dim / 2, 1.0f);
    for (const float* weight : {static_cast<const float*>(nullptr), w.data()}) {
      std::vector<float> want(dim), got(dim);
      oracle.rope({x.data(), weight, 1e-6f, c.data(), s.data(), want.data(), dim});
      table.rope({x.data(), weight, 1e-6f, c.data(), s.data(), got.data(), dim});
      ASSERT_EQ(differences(want, got), 0u) << "rope " << dim;
    }
  }
}

// Every upper half with several lower halves: ties, NaN, infinities, denormals.
inline void rounding(const KernelTable& table) {
  const ScopedFpu fpu;
  std::vector<float> x;
  for (std::uint32_t high = 0; high < 0x10000; ++high) {
    for (const std::uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      x.push_back(std::bit_cast<float>(high << 16 | low));
    }
  }
  x.resize(x.size() - 3);  // an odd tail
  std::vector<std::uint16_t> want(x.size()), got(x.size());
  scalar_kernels().to_bf16(x.data(), want.data(), x.size());
  table.to_bf16(x.data(), got.data(), x.size());
  ASSERT_EQ(want, got);
  std::vector<float> wide(x.size()), wide_got(x.size());
  scalar_kernels().from_bf16(want.data(), wide.data(), x.size());
  table.from_bf16(want.data(), wide_got.data(), x.size());
  ASSERT_EQ(differences(wide, wide_got), 0u);
}

inline std::vector<float> attended(const KernelTable& table, const AttentionShape& shape, std::size_t position,
                                   std::size_t tokens, std::uint64_t seed) {
  Inputs inputs{Random{seed}};
  const std::size_t pages = (position + tokens + 15) / 16, rows = tokens * shape.group;
  std::vector<float> q(rows * shape.padded_dim(), 0.0f);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::vector<float> head = inputs.rounded(shape.dim, 2.0f);
    std::copy(head.begin(), head.end(), q.begin() + static_cast<std::ptrdiff_t>(r * shape.padded_dim()));
  }
  std::vector<std::uint16_t> k = inputs.halves(pages * 16 * shape.dim, 2.0f), v = inputs.halves(k.size(), 1.0f);
  std::fill(v.begin() + static_cast<std::ptrdiff_t>((position + tokens) * shape.dim), v.end(), 0x7f80);  // stale: +Inf
  std::vector<const std::uint16_t*> k_pages, v_pages;
  for (std::size_t i = 0; i < pages; ++i) {
    k_pages.push_back(k.data() + i * 16 * shape.dim);
    v_pages.push_back(v.data() + i * 16 * shape.dim);
  }
  std::vector<float> out(rows * shape.dim);
  AttentionScratch scratch(shape);
  attend(table, shape,
         {q.data(), tokens, position, k_pages.data(), v_pages.data(), out.data(), shape.group * shape.dim}, scratch);
  return out;
}

inline void attention(const KernelTable& table) {
  const ScopedFpu fpu;
  for (const std::size_t dim : {16, 48, 64, 80, 128}) {
    for (std::size_t group = 1; group <= 4; ++group) {
      const AttentionShape shape{.group = group, .dim = dim, .page_tokens = 16, .scale = attention_scale(dim)};
      for (const std::size_t position : {0, 14, 31, 254, 270}) {
        for (const std::size_t tokens : {1, 3, 19}) {
          const std::uint64_t seed = dim + group + position + tokens;
          const std::vector<float> want = attended(scalar_kernels(), shape, position, tokens, seed);
          ASSERT_EQ(differences(want, attended(table, shape, position, tokens, seed)), 0u)
              << "dim " << dim << " group " << group << " position " << position << " tokens " << tokens;
          for (const float x : want) ASSERT_TRUE(std::isfinite(x));
        }
      }
    }
  }
}

}  // namespace cairn::kernel_cases

// One test per kernel of a table.
#define CAIRN_KERNEL_TESTS(Suite, table)                                                               \
  class Suite : public ::testing::Test {                                                               \
   protected:                                                                                          \
    void SetUp() override {                                                                            \
      if (!(table).supported()) GTEST_SKIP() << "this machine has no " << (table).name;                \
    }                                                                                                  \
  };                                                                                                   \
  TEST_F(Suite, ProductsEqualTheOracleOnEveryTail) { cairn::kernel_cases::gemm(table); }               \
  TEST_F(Suite, PackingKAndVEqualsTheOracle) { cairn::kernel_cases::packs(table); }                    \
  TEST_F(Suite, SoftmaxEqualsTheOracleOnEveryLength) { cairn::kernel_cases::softmax(table); }          \
  TEST_F(Suite, RowKernelsEqualTheOracleOnEveryTail) { cairn::kernel_cases::rows(table); }             \
  TEST_F(Suite, RoundingToBf16EqualsTheOracleOnEveryPattern) { cairn::kernel_cases::rounding(table); } \
  TEST_F(Suite, AttentionEqualsTheOracleAcrossPagesBlocksAndChunks) { cairn::kernel_cases::attention(table); }
