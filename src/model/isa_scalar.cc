// The oracle: docs/numerics.md written as plain loops. Slow on purpose; every other table must give these bits.
#include <cmath>
#include <cstring>
#include <limits>

#include "model/kernel_numbers.h"
#include "model/kernel_table.h"

namespace cairn {
namespace {

std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

float widen(std::uint32_t bf16) { return float_of(bf16 << 16); }

std::uint16_t narrow(float x) {
  const std::uint32_t bits = bits_of(x);
  const std::uint32_t exponent = bits & 0x7f800000u;
  if (exponent == 0) return static_cast<std::uint16_t>((bits & 0x80000000u) >> 16);
  if (exponent == 0x7f800000u && (bits & 0x007fffffu)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float round_bf16(float x) { return widen(narrow(x)); }

float fused(float a, float b, float c) { return std::fmaf(a, b, c); }  // exact product, one rounding

float larger(float a, float b) { return a > b ? a : b; }

float exp2_of(float x) {
  float y = larger(x, -kExp2Limit);
  y = y < kExp2Limit ? y : kExp2Limit;
  const float shifted = y + kRoundMagic;
  const float whole = shifted - kRoundMagic;
  const float f = y - whole;
  float p = fused(kExp2C5, f, kExp2C4);
  p = fused(p, f, kExp2C3);
  p = fused(p, f, kExp2C2);
  p = fused(p, f, kExp2C1);
  p = fused(p, f, 1.0f);
  return float_of(bits_of(p) + (bits_of(shifted) << 23));
}

float tree(const float (&lane)[16]) {
  float r[16];
  std::memcpy(r, lane, sizeof r);
  for (int width = 8; width >= 1; width /= 2) {
    for (int i = 0; i < width; ++i) r[i] = r[i] + r[i + width];
  }
  return r[0];
}

void gemm(const GemmCall& call) {
  for (std::size_t r = 0; r < call.rows; ++r) {
    const float* a = call.a + r * call.a_stride;
    for (std::size_t n = 0; n < call.columns; ++n) {
      float c = 0;
      for (std::size_t block = 0; block < call.k; block += kBlockK) {
        float even = 0, odd = 0;
        for (std::size_t k = block; k < block + kBlockK; k += 2) {
          const std::uint32_t pair = call.b[k / 2 * kPanelColumns + n];
          even = fused(a[k], widen(pair & 0xffffu), even);
          odd = fused(a[k + 1], widen(pair >> 16), odd);
        }
        c = c + (even + odd);
      }
      float& out = call.c[r * call.c_stride + n];
      out = call.add ? out + c : c;
    }
  }
}

void pack_k(const std::uint16_t* rows, std::size_t tokens, std::size_t dim, std::size_t padded_dim, std::size_t column,
            std::uint32_t* packed) {
  for (std::size_t t = 0; t < tokens; ++t) {
    const std::size_t n = column + t;
    std::uint32_t* to = packed + n / kPanelColumns * (padded_dim / 2 * kPanelColumns) + n % kPanelColumns;
    for (std::size_t d = 0; d < padded_dim; d += 2) {
      const std::uint32_t low = d < dim ? rows[t * dim + d] : 0u, high = d < dim ? rows[t * dim + d + 1] : 0u;
      to[d / 2 * kPanelColumns] = low | high << 16;
    }
  }
}

void pack_v(const std::uint16_t* rows, std::size_t tokens, std::size_t dim, std::size_t k, std::uint32_t* packed) {
  for (std::size_t t = 0; t < tokens; t += 2) {
    for (std::size_t d = 0; d < dim; ++d) {
      const std::uint32_t low = rows[t * dim + d], high = t + 1 < tokens ? rows[(t + 1) * dim + d] : 0u;
      std::uint32_t* panel = packed + d / kPanelColumns * (kChunkTokens / 2 * kPanelColumns);
      panel[(k + t) / 2 * kPanelColumns + d % kPanelColumns] = low | high << 16;
    }
  }
}

float softmax(const SoftmaxCall& call) {
  float* s = call.scores;
  float chunk_maximum = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < call.valid; ++i) {
    s[i] = s[i] * call.scale;
    chunk_maximum = larger(s[i], chunk_maximum);
  }
  const float maximum = larger(chunk_maximum, *call.maximum);
  const float factor = exp2_of(*call.maximum - maximum);
  float lane[16] = {};
  for (std::size_t i = 0; i < call.valid; ++i) {
    const float p = exp2_of(s[i] - maximum);
    lane[i % 16] = lane[i % 16] + p;
    s[i] = round_bf16(p);
  }
  for (std::size_t i = call.valid; i < call.padded; ++i) s[i] = 0;
  *call.sum = fused(*call.sum, factor, tree(lane));
  *call.maximum = maximum;
  return factor;
}

void rescale_add(float* out, const float* add, float factor, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = fused(out[i], factor, add[i]);
}

void divide_round(const float* x, float divisor, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = round_bf16(x[i] / divisor + 0.0f);
}

float inverse_rms(const float* x, float epsilon, std::size_t n) {
  float lane[16] = {};
  for (std::size_t i = 0; i < n; ++i) lane[i % 16] = fused(x[i], x[i], lane[i % 16]);
  return 1.0f / std::sqrt(tree(lane) / static_cast<float>(n) + epsilon);
}

void rmsnorm(const float* x, const float* weight, float epsilon, float* out, std::size_t n) {
  const float inverse = inverse_rms(x, epsilon, n);
  for (std::size_t i = 0; i < n; ++i) out[i] = round_bf16((x[i] * inverse) * weight[i]);
}

void rope(const RopeCall& call) {
  const std::size_t half = call.dim / 2;
  const float inverse = call.weight ? inverse_rms(call.x, call.epsilon, call.dim) : 0.0f;
  for (std::size_t i = 0; i < half; ++i) {
    float x1 = call.x[i], x2 = call.x[half + i];
    if (call.weight) {
      x1 = (x1 * inverse) * call.weight[i];
      x2 = (x2 * inverse) * call.weight[half + i];
    }
    call.out[i] = round_bf16(fused(x1, call.cosine[i], -(x2 * call.sine[i])));
    call.out[half + i] = round_bf16(fused(x2, call.cosine[i], x1 * call.sine[i]));
  }
}

void swiglu(const float* gate, const float* up, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const float silu = gate[i] / (1.0f + exp2_of(gate[i] * -kLog2E));
    out[i] = round_bf16(silu * up[i]);
  }
}

void to_bf16(const float* x, std::uint16_t* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = narrow(x[i]);
}

void from_bf16(const std::uint16_t* x, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = widen(x[i]);
}

std::uint64_t fma_burn(std::uint64_t rounds) {
  float acc[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  volatile float factor = 0.999f;
  const float f = factor;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    for (float& value : acc) value = fused(value, f, 0.5f);
  }
  volatile float sink = acc[0] + acc[1] + acc[2] + acc[3] + acc[4] + acc[5] + acc[6] + acc[7];
  (void)sink;
  return rounds * 8 * 2;
}

std::uint64_t read_sum(const std::byte* data, std::size_t bytes, ReadAhead /*ahead*/) {
  std::uint64_t sum[4] = {};
  for (std::size_t i = 0; i < bytes; i += 32) {
    std::uint64_t word[4];
    std::memcpy(word, data + i, sizeof word);
    for (int j = 0; j < 4; ++j) sum[j] += word[j];
  }
  return sum[0] + sum[1] + sum[2] + sum[3];
}

bool supported() { return true; }

}  // namespace

const KernelTable& scalar_kernels() {
  static constexpr KernelTable table = {"scalar",    supported,    1,       gemm, pack_k, pack_v,  softmax,
                                        rescale_add, divide_round, rmsnorm, rope, swiglu, to_bf16, from_bf16,
                                        fma_burn,    read_sum};
  return table;
}

}  // namespace cairn
