// T32 matrix product and the packing of K and V over a vector policy V; see kernel_vector.h for who includes it.
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

// The first tile of a panel meets cold weights: it asks for them this many words ahead (8 KiB).
constexpr std::size_t kPrefetchWords = 2048;

enum class Weights { kCold, kWarm };

template <Weights kWeights>
__attribute__((always_inline)) inline void ask_ahead(const std::uint32_t* words) {
  if constexpr (kWeights == Weights::kCold) {
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
    if constexpr (kParity == 0) ask_ahead<kWeights>(b + j * kPanelColumns);
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

// Rows [row, row + rows) of the panel with tiles of R rows, rows a multiple of R and at most kRowsOfPass.
template <class V, int R>
void pass(const GemmCall& call, std::size_t row, std::size_t rows) {
  constexpr std::size_t width = TileShape<V, R>::kVectors * kLanes;
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

// out[j][i] = in[i][j] for 8 × 8 words.
inline void transpose8(const std::uint32_t* in, std::size_t in_stride, std::uint32_t* out, std::size_t out_stride) {
  __m256 row[8], pair[8], quad[8];
  for (std::size_t i = 0; i < 8; ++i) row[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(in + i * in_stride));
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    quad[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
    quad[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
    quad[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    quad[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
  }
  for (std::size_t j = 0; j < 4; ++j) {
    const __m256 low = _mm256_permute2f128_ps(quad[j], quad[j + 4], 0x20);
    const __m256 high = _mm256_permute2f128_ps(quad[j], quad[j + 4], 0x31);
    _mm256_storeu_ps(reinterpret_cast<float*>(out + j * out_stride), low);
    _mm256_storeu_ps(reinterpret_cast<float*>(out + (j + 4) * out_stride), high);
  }
}

void pack_k(const std::uint16_t* rows, std::size_t tokens, std::size_t dim, std::size_t padded_dim, std::size_t column,
            std::uint32_t* packed) {
  const std::size_t panel_words = padded_dim / 2 * kPanelColumns;
  for (std::size_t t = 0; t < tokens;) {
    const std::size_t n = column + t;
    std::uint32_t* to = packed + n / kPanelColumns * panel_words + n % kPanelColumns;
    const std::size_t count = tokens - t >= 8 && n % 8 == 0 ? 8 : 1;
    const std::uint16_t* from = rows + t * dim;
    std::size_t d = 0;
    if (count == 8) {
      for (; d + 16 <= dim; d += 16) {
        transpose8(reinterpret_cast<const std::uint32_t*>(from + d), dim / 2, to + d / 2 * kPanelColumns,
                   kPanelColumns);
      }
    }
    for (; d < padded_dim; d += 2) {
      for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t low = d < dim ? from[i * dim + d] : 0u, high = d < dim ? from[i * dim + d + 1] : 0u;
        to[d / 2 * kPanelColumns + i] = low | high << 16;
      }
    }
    t += count;
  }
}

void pack_v(const std::uint16_t* rows, std::size_t tokens, std::size_t dim, std::size_t k, std::uint32_t* packed) {
  for (std::size_t t = 0; t < tokens; t += 2) {
    const std::uint16_t* first = rows + t * dim;
    const bool paired = t + 1 < tokens;
    for (std::size_t d = 0; d < dim; d += 8) {
      std::uint32_t* panel = packed + d / kPanelColumns * (kChunkTokens / 2 * kPanelColumns);
      std::uint32_t* to = panel + (k + t) / 2 * kPanelColumns + d % kPanelColumns;
      __m256i word = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first + d)));
      if (paired) {
        const __m256i high = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first + dim + d)));
        word = _mm256_or_si256(word, _mm256_slli_epi32(high, 16));
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), word);
    }
  }
}

}  // namespace
}  // namespace cairn
