// AVX-512 F, BW, DQ, VL with f32 FMA: 16 lanes are one register. Compiled with -mavx512{f,bw,dq,vl} -mfma.
#include "model/kernel_vector_gemm.h"
#include "model/kernel_vector_pack.h"

namespace cairn {
namespace {

struct Avx512 {
  using F = __m512;
  static constexpr int kRows = 12, kWideRows = 12, kBothRows = 6, kBurn = 12;
  static constexpr bool kAskAhead = true;

  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, F x) { _mm512_storeu_ps(p, x); }
  static F set1(float x) { return _mm512_set1_ps(x); }
  static F add(F x, F y) { return _mm512_add_ps(x, y); }
  static F sub(F x, F y) { return _mm512_sub_ps(x, y); }
  static F mul(F x, F y) { return _mm512_mul_ps(x, y); }
  static F div(F x, F y) { return _mm512_div_ps(x, y); }
  static F max(F x, F y) { return _mm512_max_ps(x, y); }
  static F min(F x, F y) { return _mm512_min_ps(x, y); }
  static F fma(F x, F y, F z) { return _mm512_fmadd_ps(x, y, z); }
  static F fms(F x, F y, F z) { return _mm512_fmsub_ps(x, y, z); }
  static F low(const std::uint32_t* p) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16)); }
  static F high(const std::uint32_t* p) {
    const __m512i mask = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), mask));
  }
  static F scale_by_power(F p, F shifted) {
    const __m512i power = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), power));
  }
  // Lanes [0, n) of x, the rest of `other`; n < 16.
  static F first(F x, F other, std::size_t n) {
    return _mm512_mask_blend_ps(static_cast<__mmask16>((1u << n) - 1u), other, x);
  }
  // The upper 16 bits of each lane hold the rounded bf16, the lower ones are zero.
  static __m512i round_bits(F x) {
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i tie = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i y = _mm512_add_epi32(bits, _mm512_add_epi32(tie, _mm512_set1_epi32(0x7fff)));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    y = _mm512_mask_or_epi32(y, nan, bits, _mm512_set1_epi32(0x400000));
    const __mmask16 tiny = _mm512_testn_epi32_mask(bits, _mm512_set1_epi32(0x7f800000));
    y = _mm512_mask_and_epi32(y, tiny, bits, _mm512_set1_epi32(static_cast<int>(0x80000000u)));
    return _mm512_and_si512(y, _mm512_set1_epi32(static_cast<int>(0xffff0000u)));
  }
  static F round_bf16(F x) { return _mm512_castsi512_ps(round_bits(x)); }
  static void store_bf16(std::uint16_t* p, F x) {
    const __m256i half = _mm512_cvtepi32_epi16(_mm512_srli_epi32(round_bits(x), 16));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), half);
  }
  static F load_bf16(const std::uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
};

bool supported() {
  __builtin_cpu_init();  // its feature bits already include XCR0
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
}

}  // namespace

const KernelTable& avx512_kernels() {
  static constexpr KernelTable table = {"avx512",
                                        supported,
                                        16,
                                        gemm<Avx512>,
                                        pack_k,
                                        pack_v,
                                        softmax<Avx512>,
                                        rescale_add<Avx512>,
                                        divide_round<Avx512>,
                                        rmsnorm<Avx512>,
                                        rope<Avx512>,
                                        swiglu<Avx512>,
                                        to_bf16<Avx512>,
                                        from_bf16<Avx512>,
                                        fma_burn<Avx512>,
                                        read_sum};
  return table;
}

}  // namespace cairn
