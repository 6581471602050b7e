// Packed weight matrices and their products over the thread pool. Class t32-v1: nothing here depends on how rows and
// panels are spread over threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/kernel_memory.h"
#include "model/kernel_table.h"
#include "model/thread_pool.h"
#include "model/weights.h"

namespace cairn {

// out = in × Wᵀ with W [n][k] packed in panels of 32 of its rows; k is zero-padded to a multiple of 32. Immutable.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  // rows[i] points at k bf16 values, or is nullptr for a row of zeros.
  // The words lie in the arena, which outlives this.
  PackedMatrix(std::span<const Bf16* const> rows, std::size_t k, ThreadPool& pool, KernelArena& arena);

  std::size_t n() const { return n_; }
  std::size_t k() const { return k_; }
  std::size_t padded_k() const { return padded_k_; }
  std::size_t panels() const { return (n_ + kPanelColumns - 1) / kPanelColumns; }
  const std::uint32_t* panel(std::size_t i) const { return words_ + i * (padded_k_ / 2 * kPanelColumns); }
  std::size_t bytes() const { return panels() * padded_k_ / 2 * kPanelColumns * sizeof(std::uint32_t); }

 private:
  std::size_t n_ = 0, k_ = 0, padded_k_ = 0;
  std::uint32_t* words_ = nullptr;
};

// Row pointers of matrices laid one under the other.
struct MatrixRows {
  std::span<const Bf16> values;  // [rows][k]
};
std::vector<const Bf16*> stacked_rows(std::span<const MatrixRows> parts, std::size_t k);
// Panels of `gate` and `up` in turn, so that one task computes both halves of the same 32 columns. Padded with nullptr.
std::vector<const Bf16*> interleaved_rows(std::span<const Bf16> gate, std::span<const Bf16> up, std::size_t k);

struct Activations {
  const float* values;  // [rows][stride], rounded to bf16, zero from k to padded_k
  std::size_t rows, stride;
};

enum class GemmOutput : std::uint8_t { kStore, kAdd };  // kAdd: out = out + product (the residual)

struct Compute {  // what each stage of a forward needs; borrowed
  const KernelTable& kernels;
  ThreadPool& pool;
};

void run_gemm(const Compute& compute, const PackedMatrix& weights, const Activations& in, float* out,
              std::size_t out_stride, GemmOutput mode);

// out[row][0, n/2) = SwiGLU of the interleaved product; `scratch` has gate_up_scratch floats for each thread.
inline constexpr std::size_t kGateUpRows = 96;
inline constexpr std::size_t kGateUpScratch = kGateUpRows * 2 * kPanelColumns;
void run_gate_up(const Compute& compute, const PackedMatrix& weights, const Activations& in, float* out,
                 std::size_t out_stride, float* scratch);

}  // namespace cairn
