// T32 matrix product over a vector policy V; see kernel_vector.h for who includes it.
//
// A tile is R rows × (S × 16) columns. Small tiles keep the even and the odd chain of a block in registers at once;
// larger ones walk the block twice, even k first. C lives in a small local array, so its stride never hurts.
#pragma once

#include "model/kernel_vector.h"

namespace cairn {
namespace {

constexpr std::size_t kRowsOfPass = 96;    // rows that share one walk over K; multiple of every tile height
constexpr std::size_t kDepthOfPass = 512;  // k of one walk: a half panel of it stays in the first-level cache

template <class V, int R>
struct TileShape {
  static constexpr bool kBoth = R <= V::kBothRows;
  static constexpr int kVectors = R <= V::kWideRows ? 2 : 1;
};

// The first tile of a panel meets cold weights. Where V::kAskAhead says that it pays, it asks for them this many words
// ahead (8 KiB); elsewhere the processor's own prefetch is faster when left alone.
constexpr std::size_t kPrefetchWords = 2048;

enum class Weights { kCold, kWarm };

template <class V, Weights kWeights>
__attribute__((always_inline)) inline void ask_ahead(const std::uint32_t* words) {
  if constexpr (V::kAskAhead && kWeights == Weights::kCold) {
    _mm_prefetch(reinterpret_cast<const char*>(words + kPrefetchWords), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(words + kPrefetchWords + kLanes), _MM_HINT_T0);
  }
}

template <class V, int R, int S, int kParity, Weights kWeights>
__attribute__((always_inline)) inline void half_chains(const float* a, std::size_t a_stride, const std::uint32_t* b,
                                                       typename V::F (&acc)[R][S]) {
  using F = typename V::F;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int s = 0; s < S; ++s) acc[r][s] = V::set1(0.0f);
  }
#pragma GCC unroll 4
  for (std::size_t j = 0; j < kBlockK / 2; ++j) {
    if constexpr (kParity == 0) ask_ahead<V, kWeights>(b + j * kPanelColumns);
    F column[S];
#pragma GCC unroll 2
    for (int s = 0; s < S; ++s) {
      const std::uint32_t* words = b + j * kPanelColumns + static_cast<std::size_t>(s) * kLanes;
      column[s] = kParity ? V::high(words) : V::low(words);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const F x = V::set1(a[static_cast<std::size_t>(r) * a_stride + 2 * j + kParity]);
#pragma GCC unroll 2
      for (int s = 0; s < S; ++s) acc[r][s] = V::fma(x, column[s], acc[r][s]);
    }
  }
}

template <class V, int R, int S>
__attribute__((always_inline)) inline void both_chains(const float* a, std::size_t a_stride, const std::uint32_t* b,
                                                       typename V::F (&even)[R][S], typename V::F (&odd)[R][S]) {
  using F = typename V::F;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int s = 0; s < S; ++s) even[r][s] = odd[r][s] = V::set1(0.0f);
  }
#pragma GCC unroll 4
  for (std::size_t j = 0; j < kBlockK / 2; ++j) {
#pragma GCC unroll 2
    for (int s = 0; s < S; ++s) {
      const std::uint32_t* words = b + j * kPanelColumns + static_cast<std::size_t>(s) * kLanes;
      const F low = V::low(words), high = V::high(words);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const float* x = a + static_cast<std::size_t>(r) * a_stride + 2 * j;
        even[r][s] = V::fma(V::set1(x[0]), low, even[r][s]);
        odd[r][s] = V::fma(V::set1(x[1]), high, odd[r][s]);
      }
    }
  }
}

// c[R][S × 16] += the blocks of k of one walk.
template <class V, int R, Weights kWeights>
__attribute__((noinline)) void tile(const float* a, std::size_t a_stride, const std::uint32_t* b, std::size_t k,
                                    float* c) {
  using F = typename V::F;
  constexpr int S = TileShape<V, R>::kVectors;
  for (std::size_t block = 0; block < k; block += kBlockK) {
    const float* at = a + block;
    const std::uint32_t* words = b + block / 2 * kPanelColumns;
    if constexpr (TileShape<V, R>::kBoth) {
      F even[R][S], odd[R][S];
      both_chains<V, R, S>(at, a_stride, words, even, odd);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
        for (int s = 0; s < S; ++s) {
          float* to = c + (static_cast<std::size_t>(r) * S + static_cast<std::size_t>(s)) * kLanes;
          V::store(to, V::add(V::load(to), V::add(even[r][s], odd[r][s])));
        }
      }
    } else {
      alignas(64) float even[static_cast<std::size_t>(R * S) * kLanes];
      F acc[R][S];
      half_chains<V, R, S, 0, kWeights>(at, a_stride, words, acc);
#pragma GCC unroll 32
      for (int i = 0; i < R * S; ++i) V::store(even + static_cast<std::size_t>(i) * kLanes, acc[i / S][i % S]);
      half_chains<V, R, S, 1, kWeights>(at, a_stride, words, acc);
#pragma GCC unroll 32
      for (int i = 0; i < R * S; ++i) {
        const std::size_t offset = static_cast<std::size_t>(i) * kLanes;
        V::store(c + offset, V::add(V::load(c + offset), V::add(V::load(even + offset), acc[i / S][i % S])));
      }
    }
  }
}

// One tile's C goes out, cut to the columns that exist.
template <class V>
void store_tile(const GemmCall& call, std::size_t row, std::size_t rows, std::size_t column, std::size_t width,
                const float* c) {
  for (std::size_t r = 0; r < rows; ++r) {
    float* out = call.c + (row + r) * call.c_stride + column;
    for (std::size_t n = 0; n < width && column + n < call.columns; n += kLanes) {
      const std::size_t left = call.columns - column - n;
      typename V::F x = V::load(c + r * width + n);
      if (call.add) x = V::add(load_some<V>(out + n, left), x);
      store_some<V>(out + n, x, left);
    }
  }
}

// One tile alone: nobody read these weights before and nobody will again soon. It takes them in the order in which they
// lie, block by block, so that the processor's own prefetch runs ahead at full rate.
template <class V, int R>
void single(const GemmCall& call, std::size_t row) {
  constexpr std::size_t width = TileShape<V, R>::kVectors * kLanes;
  const std::size_t depth = width == kPanelColumns ? call.k : kBlockK;
  const std::size_t columns = call.columns <= width ? width : kPanelColumns;
  alignas(64) float c[R * kPanelColumns];
  for (std::size_t i = 0; i < R * kPanelColumns; i += kLanes) V::store(c + i, V::set1(0.0f));
  for (std::size_t k = 0; k < call.k; k += depth) {
    for (std::size_t column = 0; column < columns; column += width) {
      tile<V, R, Weights::kCold>(call.a + row * call.a_stride + k, call.a_stride,
                                 call.b + k / 2 * kPanelColumns + column, depth, c + R * column);
    }
  }
  for (std::size_t column = 0; column < columns; column += width) {
    store_tile<V>(call, row, R, column, width, c + R * column);
  }
}

// Rows [row, row + rows) of the panel with tiles of R rows, rows a multiple of R and at most kRowsOfPass.
template <class V, int R>
void pass(const GemmCall& call, std::size_t row, std::size_t rows) {
  constexpr std::size_t width = TileShape<V, R>::kVectors * kLanes;
  if (rows == R) return single<V, R>(call, row);
  for (std::size_t column = 0; column < call.columns; column += width) {
    alignas(64) float c[kRowsOfPass * width];
    for (std::size_t i = 0; i < rows * width; i += kLanes) V::store(c + i, V::set1(0.0f));
    for (std::size_t k = 0; k < call.k; k += kDepthOfPass) {
      const std::size_t depth = call.k - k < kDepthOfPass ? call.k - k : kDepthOfPass;
      const std::uint32_t* b = call.b + k / 2 * kPanelColumns + column;
      for (std::size_t r = 0; r < rows; r += R) {
        const float* a = call.a + (row + r) * call.a_stride + k;
        if (r == 0) {
          tile<V, R, Weights::kCold>(a, call.a_stride, b, depth, c);
        } else {
          tile<V, R, Weights::kWarm>(a, call.a_stride, b, depth, c + r * width);
        }
      }
    }
    store_tile<V>(call, row, rows, column, width, c);
  }
}

// The last rows, fewer than a full tile: one tile of exactly that height.
template <class V, int R>
void remainder(const GemmCall& call, std::size_t row, std::size_t rows) {
  if constexpr (R > 0) {
    if (rows == static_cast<std::size_t>(R)) return pass<V, R>(call, row, rows);
    remainder<V, R - 1>(call, row, rows);
  }
}

template <class V>
void gemm(const GemmCall& call) {
  std::size_t row = 0;
  while (call.rows - row >= static_cast<std::size_t>(V::kRows)) {
    std::size_t rows = (call.rows - row) / V::kRows * V::kRows;
    if (rows > kRowsOfPass) rows = kRowsOfPass;
    pass<V, V::kRows>(call, row, rows);
    row += rows;
  }
  remainder<V, V::kRows - 1>(call, row, call.rows - row);
}

}  // namespace
}  // namespace cairn
