// AVX2 and FMA: 16 lanes are two registers. Compiled with -mavx2 -mfma.
#include "model/kernel_vector_gemm.h"
#include "model/kernel_vector_pack.h"

namespace cairn {
namespace {

struct Avx2 {
  struct F {
    __m256 a, b;
  };
  static constexpr int kRows = 6, kWideRows = 2, kBothRows = 1, kBurn = 6;
  static constexpr bool kAskAhead = false;

  static F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static void store(float* p, F x) {
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
  }
  static F set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F add(F x, F y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
  static F sub(F x, F y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
  static F mul(F x, F y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
  static F div(F x, F y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
  static F max(F x, F y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
  static F min(F x, F y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
  static F fma(F x, F y, F z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
  static F fms(F x, F y, F z) { return {_mm256_fmsub_ps(x.a, y.a, z.a), _mm256_fmsub_ps(x.b, y.b, z.b)}; }
  static __m256i words(const std::uint32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static __m256 raise(__m256i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16)); }
  static __m256 keep(__m256i x) {
    return _mm256_castsi256_ps(_mm256_and_si256(x, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static F low(const std::uint32_t* p) { return {raise(words(p)), raise(words(p + 8))}; }
  static F high(const std::uint32_t* p) { return {keep(words(p)), keep(words(p + 8))}; }

  static __m256 scale_half(__m256 p, __m256 shifted) {
    const __m256i power = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), power));
  }
  static F scale_by_power(F p, F shifted) { return {scale_half(p.a, shifted.a), scale_half(p.b, shifted.b)}; }

  // Lanes [0, n) of x, the rest of `other`.
  static F first(F x, F other, std::size_t n) {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), limit = _mm256_set1_epi32(static_cast<int>(n));
    const __m256i low_mask = _mm256_cmpgt_epi32(limit, index);
    const __m256i high_mask = _mm256_cmpgt_epi32(limit, _mm256_add_epi32(index, _mm256_set1_epi32(8)));
    return {_mm256_blendv_ps(other.a, x.a, _mm256_castsi256_ps(low_mask)),
            _mm256_blendv_ps(other.b, x.b, _mm256_castsi256_ps(high_mask))};
  }

  // The upper 16 bits of each lane hold the rounded bf16, the lower ones are zero.
  static __m256i round_half(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000));
    const __m256i tie = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i y = _mm256_add_epi32(bits, _mm256_add_epi32(tie, _mm256_set1_epi32(0x7fff)));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    y = _mm256_blendv_epi8(y, _mm256_or_si256(bits, _mm256_set1_epi32(0x400000)), nan);
    const __m256i tiny = _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256());
    y = _mm256_blendv_epi8(y, _mm256_and_si256(bits, _mm256_set1_epi32(static_cast<int>(0x80000000u))), tiny);
    return _mm256_and_si256(y, _mm256_set1_epi32(static_cast<int>(0xffff0000u)));
  }
  static F round_bf16(F x) { return {_mm256_castsi256_ps(round_half(x.a)), _mm256_castsi256_ps(round_half(x.b))}; }
  static void store_bf16(std::uint16_t* p, F x) {
    const __m256i a = _mm256_srli_epi32(round_half(x.a), 16), b = _mm256_srli_epi32(round_half(x.b), 16);
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), packed);
  }
  static F load_bf16(const std::uint16_t* p) {
    const __m128i* from = reinterpret_cast<const __m128i*>(p);
    return {raise(_mm256_cvtepu16_epi32(_mm_loadu_si128(from))),
            raise(_mm256_cvtepu16_epi32(_mm_loadu_si128(from + 1)))};
  }
};

bool supported() {
  __builtin_cpu_init();  // its feature bits already include XCR0
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

}  // namespace

const KernelTable& avx2_kernels() {
  static constexpr KernelTable table = {"avx2",
                                        supported,
                                        8,
                                        gemm<Avx2>,
                                        pack_k,
                                        pack_v,
                                        softmax<Avx2>,
                                        rescale_add<Avx2>,
                                        divide_round<Avx2>,
                                        rmsnorm<Avx2>,
                                        rope<Avx2>,
                                        swiglu<Avx2>,
                                        to_bf16<Avx2>,
                                        from_bf16<Avx2>,
                                        fma_burn<Avx2>,
                                        read_sum};
  return table;
}

}  // namespace cairn
