#include "model/gemm.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace cairn {

namespace {

constexpr std::size_t kTasksPerThread = 8;  // below this many, rows are split too, so that threads end together
constexpr std::size_t kRowsOfTask = 96;

void pack_panel(const Bf16* const* rows, std::size_t count, std::size_t k, std::uint32_t* words) {
  constexpr std::size_t kStrip = 64;  // k values: two cache lines of each row at a time
  for (std::size_t begin = 0; begin < k; begin += kStrip) {
    const std::size_t end = std::min(begin + kStrip, k);
    for (std::size_t n = 0; n < count; ++n) {
      if (!rows[n]) continue;
      for (std::size_t i = begin; i < end; i += 2) {
        const std::uint32_t low = rows[n][i], high = i + 1 < k ? rows[n][i + 1] : 0u;
        words[i / 2 * kPanelColumns + n] = low | high << 16;
      }
    }
  }
}

struct RowSplit {
  std::size_t parts, rows;  // each part has `rows` rows, the last one what is left
};

RowSplit split_rows(std::size_t rows, std::size_t panels, std::size_t threads) {
  if (rows <= kRowsOfTask || panels >= kTasksPerThread * threads) return {1, rows};
  return {(rows + kRowsOfTask - 1) / kRowsOfTask, kRowsOfTask};
}

}  // namespace

PackedMatrix::PackedMatrix(std::span<const Bf16* const> rows, std::size_t k, ThreadPool& pool, KernelArena& arena)
    : n_(rows.size()), k_(k), padded_k_(round_up(k, kBlockK)) {
  words_ = reinterpret_cast<std::uint32_t*>(arena.take(bytes()));
  pool.run(panels(), [&](std::size_t i, std::uint32_t) {
    const std::size_t first = i * kPanelColumns, count = std::min(kPanelColumns, n_ - first);
    pack_panel(rows.data() + first, count, k_, words_ + i * (padded_k_ / 2 * kPanelColumns));
  });
}

std::vector<const Bf16*> stacked_rows(std::span<const MatrixRows> parts, std::size_t k) {
  std::vector<const Bf16*> rows;
  for (const MatrixRows& part : parts) {
    CAIRN_CHECK(k != 0 && part.values.size() % k == 0, "a matrix with a broken row");
    for (std::size_t i = 0; i < part.values.size(); i += k) rows.push_back(part.values.data() + i);
  }
  return rows;
}

std::vector<const Bf16*> interleaved_rows(std::span<const Bf16> gate, std::span<const Bf16> up, std::size_t k) {
  CAIRN_CHECK(k != 0 && gate.size() == up.size() && gate.size() % k == 0, "gate and up differ in shape");
  const std::size_t n = gate.size() / k, panels = (n + kPanelColumns - 1) / kPanelColumns;
  std::vector<const Bf16*> rows(panels * 2 * kPanelColumns, nullptr);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t at = i / kPanelColumns * 2 * kPanelColumns + i % kPanelColumns;
    rows[at] = gate.data() + i * k;
    rows[at + kPanelColumns] = up.data() + i * k;
  }
  return rows;
}

void run_gemm(const Compute& compute, const PackedMatrix& weights, const Activations& in, float* out,
              std::size_t out_stride, GemmOutput mode) {
  const RowSplit split = split_rows(in.rows, weights.panels(), compute.pool.threads());
  compute.pool.run(weights.panels() * split.parts, [&](std::size_t task, std::uint32_t) {
    const std::size_t panel = task / split.parts, row = task % split.parts * split.rows;
    const std::size_t column = panel * kPanelColumns;
    compute.kernels.gemm({.a = in.values + row * in.stride,
                          .a_stride = in.stride,
                          .b = weights.panel(panel),
                          .k = weights.padded_k(),
                          .c = out + row * out_stride + column,
                          .c_stride = out_stride,
                          .rows = std::min(split.rows, in.rows - row),
                          .columns = std::min(kPanelColumns, weights.n() - column),
                          .add = mode == GemmOutput::kAdd});
  });
}

void run_gate_up(const Compute& compute, const PackedMatrix& weights, const Activations& in, float* out,
                 std::size_t out_stride, float* scratch) {
  const std::size_t pairs = weights.panels() / 2, parts = (in.rows + kGateUpRows - 1) / kGateUpRows;
  compute.pool.run(pairs * parts, [&](std::size_t task, std::uint32_t thread) {
    const std::size_t pair = task / parts, row = task % parts * kGateUpRows;
    const std::size_t rows = std::min(kGateUpRows, in.rows - row);
    constexpr std::size_t stride = 2 * kPanelColumns;
    float* both = scratch + thread * kGateUpScratch;
    for (std::size_t half = 0; half < 2; ++half) {
      compute.kernels.gemm({.a = in.values + row * in.stride,
                            .a_stride = in.stride,
                            .b = weights.panel(2 * pair + half),
                            .k = weights.padded_k(),
                            .c = both + half * kPanelColumns,
                            .c_stride = stride,
                            .rows = rows,
                            .columns = kPanelColumns,
                            .add = false});
    }
    for (std::size_t r = 0; r < rows; ++r) {
      const float* gate = both + r * stride;
      compute.kernels.swiglu(gate, gate + kPanelColumns, out + (row + r) * out_stride + pair * kPanelColumns,
                             kPanelColumns);
    }
  });
}

}  // namespace cairn
