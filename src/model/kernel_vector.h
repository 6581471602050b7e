// Row kernels of numerics class t32-v1 over a vector policy V: 16 float lanes, held as two AVX registers or one
// AVX-512 register. Included only by isa_avx2.cc and isa_avx512.cc, which define V in an unnamed namespace, so that no
// instantiation is shared between files compiled for different instruction sets. The formulas are docs/numerics.md's.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "model/kernel_numbers.h"
#include "model/kernel_table.h"

namespace cairn {
namespace {

constexpr std::size_t kLanes = 16;

template <class V>
typename V::F load_some(const float* from, std::size_t n) {
  if (n >= kLanes) return V::load(from);
  alignas(64) float lane[kLanes] = {};
  for (std::size_t i = 0; i < n; ++i) lane[i] = from[i];
  return V::load(lane);
}

template <class V>
void store_some(float* to, typename V::F x, std::size_t n) {
  if (n >= kLanes) return V::store(to, x);
  alignas(64) float lane[kLanes];
  V::store(lane, x);
  for (std::size_t i = 0; i < n; ++i) to[i] = lane[i];
}

template <class V>
float tree(typename V::F x) {
  alignas(64) float r[kLanes];
  V::store(r, x);
  for (int i = 0; i < 8; ++i) r[i] = r[i] + r[i + 8];
  for (int i = 0; i < 4; ++i) r[i] = r[i] + r[i + 4];
  return (r[0] + r[2]) + (r[1] + r[3]);
}

template <class V>
typename V::F exp2_of(typename V::F x) {
  using F = typename V::F;
  const F y = V::min(V::max(x, V::set1(-kExp2Limit)), V::set1(kExp2Limit));
  const F shifted = V::add(y, V::set1(kRoundMagic));
  const F f = V::sub(y, V::sub(shifted, V::set1(kRoundMagic)));
  F p = V::fma(V::set1(kExp2C5), f, V::set1(kExp2C4));
  p = V::fma(p, f, V::set1(kExp2C3));
  p = V::fma(p, f, V::set1(kExp2C2));
  p = V::fma(p, f, V::set1(kExp2C1));
  p = V::fma(p, f, V::set1(1.0f));
  return V::scale_by_power(p, shifted);
}

template <class V>
float exp2_scalar(float x) {
  alignas(64) float lane[kLanes];
  V::store(lane, exp2_of<V>(V::set1(x)));
  return lane[0];
}

template <class V>
float softmax(const SoftmaxCall& call) {
  using F = typename V::F;
  float* s = call.scores;
  const std::size_t valid = call.valid;
  const F scale = V::set1(call.scale), lowest = V::set1(-__builtin_inff());
  F highest = lowest;
  for (std::size_t i = 0; i < valid; i += kLanes) {
    F x = V::mul(V::load(s + i), scale);
    if (valid - i < kLanes) x = V::first(x, lowest, valid - i);
    V::store(s + i, x);
    highest = V::max(x, highest);
  }
  alignas(64) float lane[kLanes];
  V::store(lane, highest);
  float maximum = *call.maximum;
  for (const float x : lane) maximum = x > maximum ? x : maximum;
  const float factor = exp2_scalar<V>(*call.maximum - maximum);
  const F anchor = V::set1(maximum), zero = V::set1(0.0f);
  F sum = zero;
  std::size_t i = 0;
  for (; i < valid; i += kLanes) {
    F p = exp2_of<V>(V::sub(V::load(s + i), anchor));
    if (valid - i < kLanes) p = V::first(p, zero, valid - i);
    sum = V::add(sum, p);
    V::store(s + i, V::round_bf16(p));
  }
  for (; i < call.padded; i += kLanes) V::store(s + i, zero);
  *call.sum = __builtin_fmaf(*call.sum, factor, tree<V>(sum));
  *call.maximum = maximum;
  return factor;
}

template <class V>
void rescale_add(float* out, const float* add, float factor, std::size_t n) {
  const typename V::F f = V::set1(factor);
  for (std::size_t i = 0; i < n; i += kLanes) {
    store_some<V>(out + i, V::fma(load_some<V>(out + i, n - i), f, load_some<V>(add + i, n - i)), n - i);
  }
}

template <class V>
void divide_round(const float* x, float divisor, float* out, std::size_t n) {
  const typename V::F d = V::set1(divisor), zero = V::set1(0.0f);
  for (std::size_t i = 0; i < n; i += kLanes) {
    store_some<V>(out + i, V::round_bf16(V::add(V::div(load_some<V>(x + i, n - i), d), zero)), n - i);
  }
}

template <class V>
float inverse_rms(const float* x, float epsilon, std::size_t n) {
  typename V::F sum = V::set1(0.0f);
  for (std::size_t i = 0; i < n; i += kLanes) {
    const typename V::F v = load_some<V>(x + i, n - i);
    sum = V::fma(v, v, sum);
  }
  return 1.0f / __builtin_sqrtf(tree<V>(sum) / static_cast<float>(n) + epsilon);
}

template <class V>
void rmsnorm(const float* x, const float* weight, float epsilon, float* out, std::size_t n) {
  const typename V::F inverse = V::set1(inverse_rms<V>(x, epsilon, n));
  for (std::size_t i = 0; i < n; i += kLanes) {
    const typename V::F y = V::mul(V::mul(load_some<V>(x + i, n - i), inverse), load_some<V>(weight + i, n - i));
    store_some<V>(out + i, V::round_bf16(y), n - i);
  }
}

template <class V>
void rope(const RopeCall& call) {
  using F = typename V::F;
  const std::size_t half = call.dim / 2;
  const F inverse = V::set1(call.weight ? inverse_rms<V>(call.x, call.epsilon, call.dim) : 0.0f);
  for (std::size_t i = 0; i < half; i += kLanes) {
    const std::size_t n = half - i;
    F x1 = load_some<V>(call.x + i, n), x2 = load_some<V>(call.x + half + i, n);
    if (call.weight) {
      x1 = V::mul(V::mul(x1, inverse), load_some<V>(call.weight + i, n));
      x2 = V::mul(V::mul(x2, inverse), load_some<V>(call.weight + half + i, n));
    }
    const F c = load_some<V>(call.cosine + i, n), s = load_some<V>(call.sine + i, n);
    store_some<V>(call.out + i, V::round_bf16(V::fms(x1, c, V::mul(x2, s))), n);
    store_some<V>(call.out + half + i, V::round_bf16(V::fma(x2, c, V::mul(x1, s))), n);
  }
}

template <class V>
void swiglu(const float* gate, const float* up, float* out, std::size_t n) {
  using F = typename V::F;
  for (std::size_t i = 0; i < n; i += kLanes) {
    const F g = load_some<V>(gate + i, n - i);
    const F below = V::add(V::set1(1.0f), exp2_of<V>(V::mul(g, V::set1(-kLog2E))));
    store_some<V>(out + i, V::round_bf16(V::mul(V::div(g, below), load_some<V>(up + i, n - i))), n - i);
  }
}

template <class V>
void to_bf16(const float* x, std::uint16_t* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    if (n - i >= kLanes) {
      V::store_bf16(out + i, load_some<V>(x + i, n - i));
      continue;
    }
    alignas(64) std::uint16_t half[kLanes];
    V::store_bf16(half, load_some<V>(x + i, n - i));
    for (std::size_t j = 0; j < n - i; ++j) out[i + j] = half[j];
  }
}

template <class V>
void from_bf16(const std::uint16_t* x, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    if (n - i >= kLanes) {
      V::store(out + i, V::load_bf16(x + i));
      continue;
    }
    alignas(64) std::uint16_t half[kLanes] = {};
    for (std::size_t j = 0; j < n - i; ++j) half[j] = x[i + j];
    store_some<V>(out + i, V::load_bf16(half), n - i);
  }
}

template <class V>
std::uint64_t fma_burn(std::uint64_t rounds) {
  using F = typename V::F;
  F acc[V::kBurn];
  for (int j = 0; j < V::kBurn; ++j) acc[j] = V::set1(static_cast<float>(j + 1));
  const F f = V::set1(0.999f), g = V::set1(0.5f);
  for (std::uint64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < V::kBurn; ++j) acc[j] = V::fma(acc[j], f, g);
  }
  for (int j = 1; j < V::kBurn; ++j) acc[0] = V::add(acc[0], acc[j]);
  volatile float sink = tree<V>(acc[0]);
  (void)sink;
  return rounds * V::kBurn * kLanes * 2;
}

template <bool kAhead>
std::uint64_t read_sum_of(const std::byte* data, std::size_t bytes) {
  constexpr std::size_t kAheadBytes = 8192;
  __m256i sum[8];
  for (__m256i& s : sum) s = _mm256_setzero_si256();
  for (std::size_t i = 0; i < bytes; i += sizeof sum) {
    const std::byte* from = data + i;
#pragma GCC unroll 8
    for (std::size_t j = 0; j < 8; ++j) {
      if (kAhead && j % 2 == 0) _mm_prefetch(reinterpret_cast<const char*>(from + kAheadBytes + 32 * j), _MM_HINT_T0);
      sum[j] = _mm256_add_epi64(sum[j], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32 * j)));
    }
  }
  for (int j = 1; j < 8; ++j) sum[0] = _mm256_add_epi64(sum[0], sum[j]);
  alignas(32) std::uint64_t lane[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lane), sum[0]);
  return lane[0] + lane[1] + lane[2] + lane[3];
}

inline std::uint64_t read_sum(const std::byte* data, std::size_t bytes, ReadAhead ahead) {
  return ahead == ReadAhead::kSome ? read_sum_of<true>(data, bytes) : read_sum_of<false>(data, bytes);
}

}  // namespace
}  // namespace cairn
