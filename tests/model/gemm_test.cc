// Property: a product over packed weights is the matrix product, whatever the shape, padding and number of threads.
#include "model/gemm.h"

#include <gtest/gtest.h>

#include "model/kernel_cases.h"

namespace cairn {
namespace {

struct Product {
  std::vector<float> out;
  double error = 0;  // against exact sums
};

Product multiply(std::size_t n, std::size_t k, std::size_t rows, std::uint32_t threads, GemmOutput mode) {
  const ScopedFpu fpu;
  kernel_cases::Inputs inputs;
  ThreadPool pool(threads);
  KernelArena arena;
  const std::vector<Bf16> w = inputs.halves(n * k, 1.0f);
  const MatrixRows parts[] = {{std::span(w).first(n / 2 * k)}, {std::span(w).subspan(n / 2 * k)}};
  const PackedMatrix packed(stacked_rows(parts, k), k, pool, arena);
  const std::vector<float> a = inputs.rounded(rows * k, 1.0f);
  std::vector<float> padded(rows * packed.padded_k(), 0.0f);
  for (std::size_t i = 0; i < a.size(); ++i) padded[i / k * packed.padded_k() + i % k] = a[i];
  Product product;
  product.out.assign(rows * n, 2.0f);
  run_gemm({*select_kernels("").value(), pool}, packed, {padded.data(), rows, packed.padded_k()}, product.out.data(), n,
           mode);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = mode == GemmOutput::kAdd ? 2.0 : 0.0;
      for (std::size_t i = 0; i < k; ++i) {
        sum += static_cast<double>(a[r * k + i]) * std::bit_cast<float>(std::uint32_t{w[j * k + i]} << 16);
      }
      product.error = std::max(product.error, std::abs(sum - product.out[r * n + j]));
    }
  }
  return product;
}

TEST(Gemm, IsTheMatrixProductForEveryTail) {
  for (const std::size_t n : {1, 31, 32, 33, 100}) {
    for (const std::size_t k : {1, 31, 32, 63, 200}) {
      for (const std::size_t rows : {1, 7, 200}) {
        EXPECT_LT(multiply(n, k, rows, 1, GemmOutput::kStore).error, 1e-4) << n << " " << k << " " << rows;
      }
    }
  }
  EXPECT_LT(multiply(40, 50, 9, 1, GemmOutput::kAdd).error, 1e-4);
}

TEST(Gemm, ThreadsDoNotChangeABit) {
  for (const std::size_t rows : {1, 97, 300}) {
    const Product one = multiply(70, 96, rows, 1, GemmOutput::kAdd),
                  three = multiply(70, 96, rows, 3, GemmOutput::kAdd);
    EXPECT_EQ(kernel_cases::differences(one.out, three.out), 0u);
  }
}

TEST(Gemm, GateAndUpMeetInSwiglu) {
  const ScopedFpu fpu;
  const KernelTable& kernels = *select_kernels("").value();
  kernel_cases::Inputs inputs;
  ThreadPool pool(2);
  KernelArena arena;
  constexpr std::size_t n = 45, k = 64, rows = 130, stride = 64;
  const std::vector<Bf16> gate = inputs.halves(n * k, 1.0f), up = inputs.halves(n * k, 1.0f);
  const std::vector<float> a = inputs.rounded(rows * k, 1.0f);
  const PackedMatrix both(interleaved_rows(gate, up, k), k, pool, arena);
  std::vector<float> out(rows * stride, 9.0f), scratch(2 * kGateUpScratch);
  run_gate_up({kernels, pool}, both, {a.data(), rows, k}, out.data(), stride, scratch.data());
  std::vector<float> g(rows * n), u(rows * n), want(n);
  const MatrixRows gate_rows[] = {{gate}}, up_rows[] = {{up}};
  run_gemm({kernels, pool}, PackedMatrix(stacked_rows(gate_rows, k), k, pool, arena), {a.data(), rows, k}, g.data(), n,
           GemmOutput::kStore);
  run_gemm({kernels, pool}, PackedMatrix(stacked_rows(up_rows, k), k, pool, arena), {a.data(), rows, k}, u.data(), n,
           GemmOutput::kStore);
  for (std::size_t r = 0; r < rows; ++r) {
    kernels.swiglu(g.data() + r * n, u.data() + r * n, want.data(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(out[r * stride + i], want[i]) << r << " " << i;
    for (std::size_t i = n; i < stride; ++i) ASSERT_EQ(out[r * stride + i], 0.0f) << "the next product's K tail";
  }
}

}  // namespace
}  // namespace cairn
