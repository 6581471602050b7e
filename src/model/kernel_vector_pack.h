// K and V of a chunk as panels, in AVX2 for every vector table; see kernel_vector.h for who includes it.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "model/kernel_table.h"

namespace cairn {
namespace {

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

inline void pack_k(const std::uint16_t* rows, std::size_t tokens, std::size_t dim, std::size_t padded_dim,
                   std::size_t column, std::uint32_t* packed) {
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

inline void pack_v(const std::uint16_t* rows, std::size_t tokens, std::size_t dim, std::size_t k,
                   std::uint32_t* packed) {
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
