// The numeric kernels of one instruction set, as a table of functions. Every table computes the same bits
// (docs/numerics.md, class t32-v1); the scalar one is the oracle. All functions: any thread whose floating-point state
// was set by ScopedFpu; buffers are the caller's; nothing here fails. Shapes are in elements unless a name says bytes.
//
// A panel is 32 columns of a B matrix, [k/2][32] words; a word holds k even in its low half and k odd in its high half.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn {

inline constexpr std::size_t kPanelColumns = 32;  // columns of a packed panel; weights and K chunks are cut in these
inline constexpr std::size_t kBlockK = 32;        // T32: aligned blocks of k; every K is zero-padded to a multiple
inline constexpr std::size_t kChunkTokens = 256;  // softmax chunk, at absolute positions

// c[r][0, columns) = (add ? c[r] + : ) T32 product of a[r][0, k) with one panel.
struct GemmCall {
  const float* a;  // [rows][a_stride], values already rounded to bf16
  std::size_t a_stride;
  const std::uint32_t* b;  // one panel, [k/2][32], 64-byte aligned
  std::size_t k;           // multiple of 32
  float* c;                // [rows][c_stride]
  std::size_t c_stride;
  std::size_t rows, columns;  // columns <= 32
  bool add;
};

// One row of scores of one chunk. `scores` becomes P (rounded to bf16, zero from `valid` to `padded`).
struct SoftmaxCall {
  float* scores;
  std::size_t valid, padded;  // 1 <= valid <= padded <= 256; padded is a multiple of 32
  float scale;                // log2(e) / sqrt(head_dim)
  float* maximum;             // running state of the row: starts as -infinity ...
  float* sum;                 // ... and +0
};

// One head of one token: optional RMSNorm (weight != nullptr), then RoPE by halves, then rounding to bf16.
struct RopeCall {
  const float* x;       // [dim]
  const float* weight;  // [dim] or nullptr
  float epsilon;
  const float* cosine;  // [dim/2]
  const float* sine;    // [dim/2]
  float* out;           // [dim], rounded to bf16
  std::size_t dim;      // even, <= 1024
};

enum class ReadAhead : std::uint8_t { kNone, kSome };

struct KernelTable {
  const char* name;
  bool (*supported)();  // CPUID features and the register state that the kernel saves (XCR0)
  // Elements of one register.
  std::uint32_t lanes;

  void (*gemm)(const GemmCall& call);
  // Columns [column, column + tokens) of a K chunk from rows [token][dim]; panel stride is padded_dim/2 × 32 words.
  void (*pack_k)(const std::uint16_t* rows, std::size_t tokens, std::size_t dim, std::size_t padded_dim,
                 std::size_t column, std::uint32_t* packed);
  // k rows [k, k + tokens) of a V chunk (k even) from rows [token][dim]; panel stride is 128 × 32 words. An odd last
  // row is paired with zeros.
  void (*pack_v)(const std::uint16_t* rows, std::size_t tokens, std::size_t dim, std::size_t k, std::uint32_t* packed);
  float (*softmax)(const SoftmaxCall& call);  // returns the factor by which earlier output is scaled
  void (*rescale_add)(float* out, const float* add, float factor, std::size_t n);  // out = out × factor + add, fused
  void (*divide_round)(const float* x, float divisor, float* out, std::size_t n);  // bf16(x / divisor + 0)
  void (*rmsnorm)(const float* x, const float* weight, float epsilon, float* out, std::size_t n);
  void (*rope)(const RopeCall& call);
  void (*swiglu)(const float* gate, const float* up, float* out, std::size_t n);
  void (*to_bf16)(const float* x, std::uint16_t* out, std::size_t n);  // round to nearest even, denormals to zero
  void (*from_bf16)(const std::uint16_t* x, float* out, std::size_t n);
  // Register-only FMA loop of the unit that gemm uses; returns the floating-point operations done (calibration).
  std::uint64_t (*fma_burn)(std::uint64_t rounds);
  // Streams memory, asking for what comes next or not: which is faster depends on the machine. bytes: times 256.
  std::uint64_t (*read_sum)(const std::byte* data, std::size_t bytes, ReadAhead ahead);
};

// Sets FTZ, DAZ, round-to-nearest and masked exceptions for the calling thread, and restores on destruction.
class ScopedFpu {
 public:
  ScopedFpu() noexcept;
  ~ScopedFpu();
  ScopedFpu(const ScopedFpu&) = delete;
  ScopedFpu& operator=(const ScopedFpu&) = delete;

 private:
  std::uint32_t saved_;
};

const KernelTable& scalar_kernels();
const KernelTable& avx2_kernels();
const KernelTable& avx512_kernels();

}  // namespace cairn
