// Defines the used intrinsics over plain arrays and includes the product's file under other names. Compiled with
// -mavx2 -mfma; includes no standard container, like every file of an instruction set.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "model/kernel_table.h"

namespace cairn {
namespace {

struct Floats {
  float lane[16];
};
struct Words {
  std::uint32_t lane[16];
};
using Mask = std::uint16_t;

template <class To, class From>
To same_bits(From x) {
  To y;
  static_assert(sizeof x == sizeof y);
  std::memcpy(&y, &x, sizeof y);
  return y;
}

template <class T, class Function>
T lanes(const Function& function) {
  T result;
  for (int i = 0; i < 16; ++i) result.lane[i] = function(i);
  return result;
}

template <class Function>
Mask mask_of(const Function& function) {
  unsigned mask = 0;
  for (int i = 0; i < 16; ++i) mask |= function(i) ? 1u << i : 0u;
  return static_cast<Mask>(mask);
}

bool set(Mask mask, int i) { return (mask >> i & 1) != 0; }

template <class T>
T load(const void* from) {
  T x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

Floats e_loadu_ps(const void* p) { return load<Floats>(p); }
Words e_loadu_si512(const void* p) { return load<Words>(p); }
void e_storeu_ps(void* p, Floats x) { std::memcpy(p, &x, sizeof x); }
Floats e_set1_ps(float x) {
  return lanes<Floats>([&](int) { return x; });
}
Words e_set1_epi32(int x) {
  return lanes<Words>([&](int) { return static_cast<std::uint32_t>(x); });
}
Floats e_add_ps(Floats a, Floats b) {
  return lanes<Floats>([&](int i) { return a.lane[i] + b.lane[i]; });
}
Floats e_sub_ps(Floats a, Floats b) {
  return lanes<Floats>([&](int i) { return a.lane[i] - b.lane[i]; });
}
Floats e_mul_ps(Floats a, Floats b) {
  return lanes<Floats>([&](int i) { return a.lane[i] * b.lane[i]; });
}
Floats e_div_ps(Floats a, Floats b) {
  return lanes<Floats>([&](int i) { return a.lane[i] / b.lane[i]; });
}
Floats e_max_ps(Floats a, Floats b) {
  return lanes<Floats>([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
Floats e_min_ps(Floats a, Floats b) {
  return lanes<Floats>([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
Floats e_fmadd_ps(Floats a, Floats b, Floats c) {
  return lanes<Floats>([&](int i) { return __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]); });
}
Floats e_fmsub_ps(Floats a, Floats b, Floats c) {
  return lanes<Floats>([&](int i) { return __builtin_fmaf(a.lane[i], b.lane[i], -c.lane[i]); });
}
Floats e_castsi512_ps(Words x) { return same_bits<Floats>(x); }
Words e_castps_si512(Floats x) { return same_bits<Words>(x); }
Words e_slli_epi32(Words x, int n) {
  return lanes<Words>([&](int i) { return x.lane[i] << n; });
}
Words e_srli_epi32(Words x, int n) {
  return lanes<Words>([&](int i) { return x.lane[i] >> n; });
}
Words e_and_si512(Words a, Words b) {
  return lanes<Words>([&](int i) { return a.lane[i] & b.lane[i]; });
}
Words e_add_epi32(Words a, Words b) {
  return lanes<Words>([&](int i) { return a.lane[i] + b.lane[i]; });
}
Floats e_mask_blend_ps(Mask k, Floats a, Floats b) {
  return lanes<Floats>([&](int i) { return set(k, i) ? b.lane[i] : a.lane[i]; });
}
Mask e_cmp_ps_mask(Floats a, Floats b, int) {  // _CMP_UNORD_Q, the only one in use
  return mask_of([&](int i) { return __builtin_isnan(a.lane[i]) || __builtin_isnan(b.lane[i]); });
}
Mask e_testn_epi32_mask(Words a, Words b) {
  return mask_of([&](int i) { return (a.lane[i] & b.lane[i]) == 0; });
}
Words e_mask_or_epi32(Words from, Mask k, Words a, Words b) {
  return lanes<Words>([&](int i) { return set(k, i) ? a.lane[i] | b.lane[i] : from.lane[i]; });
}
Words e_mask_and_epi32(Words from, Mask k, Words a, Words b) {
  return lanes<Words>([&](int i) { return set(k, i) ? a.lane[i] & b.lane[i] : from.lane[i]; });
}
__m256i e_cvtepi32_epi16(Words x) {
  std::uint16_t half[16];
  for (int i = 0; i < 16; ++i) half[i] = static_cast<std::uint16_t>(x.lane[i]);
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(half));
}
Words e_cvtepu16_epi32(__m256i x) {
  std::uint16_t half[16];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(half), x);
  return lanes<Words>([&](int i) { return half[i]; });
}

}  // namespace
}  // namespace cairn

#define __m512 Floats
#define __m512i Words
#define __mmask16 Mask
#define _mm512_loadu_ps e_loadu_ps
#define _mm512_loadu_si512 e_loadu_si512
#define _mm512_storeu_ps e_storeu_ps
#define _mm512_set1_ps e_set1_ps
#define _mm512_set1_epi32 e_set1_epi32
#define _mm512_add_ps e_add_ps
#define _mm512_sub_ps e_sub_ps
#define _mm512_mul_ps e_mul_ps
#define _mm512_div_ps e_div_ps
#define _mm512_max_ps e_max_ps
#define _mm512_min_ps e_min_ps
#define _mm512_fmadd_ps e_fmadd_ps
#define _mm512_fmsub_ps e_fmsub_ps
#define _mm512_castsi512_ps e_castsi512_ps
#define _mm512_castps_si512 e_castps_si512
#define _mm512_slli_epi32 e_slli_epi32
#define _mm512_srli_epi32 e_srli_epi32
#define _mm512_and_si512 e_and_si512
#define _mm512_add_epi32 e_add_epi32
#define _mm512_mask_blend_ps e_mask_blend_ps
#undef _mm512_cmp_ps_mask
#define _mm512_cmp_ps_mask e_cmp_ps_mask
#define _mm512_testn_epi32_mask e_testn_epi32_mask
#define _mm512_mask_or_epi32 e_mask_or_epi32
#define _mm512_mask_and_epi32 e_mask_and_epi32
#define _mm512_cvtepi32_epi16 e_cvtepi32_epi16
#define _mm512_cvtepu16_epi32 e_cvtepu16_epi32
#define avx512_kernels included_avx512_kernels
#include "model/isa_avx512.cc"
#undef avx512_kernels

namespace cairn {

const KernelTable& emulated_avx512_kernels() {
  static const KernelTable table = [] {
    KernelTable copy = included_avx512_kernels();
    copy.supported = avx2_kernels().supported;
    return copy;
  }();
  return table;
}

}  // namespace cairn
