#include "model/kernel_select.h"

#include <immintrin.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/kernel_memory.h"
#include "model/kernel_selftest.h"

namespace cairn {

namespace {
// Flush to zero, denormals are zero, all exceptions masked, round to nearest.
constexpr std::uint32_t kComputeMxcsr = 0x9fc0;

constexpr std::size_t kTrialRows = 96, kTrialK = 256;  // panel and rows stay in the first two levels of cache
constexpr int kTrialBursts = 16;                       // the first ones also wake the wide registers up
constexpr int kTrialProducts = 4;                      // of one burst: some 100 microseconds on a vector unit

double product_flops_of(const KernelTable& table) {
  const KernelArray<float> a(kTrialRows * kTrialK), c(kTrialRows * kPanelColumns);
  const KernelArray<std::uint32_t> panel(kTrialK / 2 * kPanelColumns);
  std::int64_t fastest_us = std::numeric_limits<std::int64_t>::max();
  for (int burst = 0; burst < kTrialBursts; ++burst) {
    const std::int64_t begin = thread_cpu_us();
    for (int i = 0; i < kTrialProducts; ++i) {
      table.gemm({.a = a.data(),
                  .a_stride = kTrialK,
                  .b = panel.data(),
                  .k = kTrialK,
                  .c = c.data(),
                  .c_stride = kPanelColumns,
                  .rows = kTrialRows,
                  .columns = kPanelColumns,
                  .add = false});
    }
    fastest_us = std::min(fastest_us, std::max<std::int64_t>(1, thread_cpu_us() - begin));
  }
  return 2.0 * kTrialProducts * kTrialRows * kTrialK * kPanelColumns / (static_cast<double>(fastest_us) * 1e-6);
}

const KernelTable* fastest_supported() {
  const ScopedFpu fpu;
  std::vector<KernelTrial> trials;
  for (const KernelTable* table : all_kernels()) {
    if (!table->supported()) continue;
    // The oracle is right by definition and slow on purpose: it counts only where nothing better is right.
    const bool oracle = table->lanes == 1;
    trials.push_back({table, oracle ? 0.0 : product_flops_of(*table), oracle || self_test(*table) == golden_digest()});
  }
  return best_of(trials);
}
}  // namespace

ScopedFpu::ScopedFpu() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(kComputeMxcsr); }
ScopedFpu::~ScopedFpu() { _mm_setcsr(saved_); }

std::span<const KernelTable* const> all_kernels() {
  static const KernelTable* const tables[] = {&scalar_kernels(), &avx2_kernels(), &avx512_kernels()};
  return tables;
}

const KernelTable* best_of(std::span<const KernelTrial> trials) {
  const auto better = [](const KernelTrial& a, const KernelTrial& b) {
    return a.exact != b.exact ? b.exact : a.product_flops < b.product_flops;
  };
  const auto best = std::max_element(trials.begin(), trials.end(), better);
  return best == trials.end() ? nullptr : best->table;
}

Result<const KernelTable*> select_kernels(std::string_view isa) {
  if (isa.empty()) {
    static const KernelTable* const kChosen = fastest_supported();
    return kChosen;
  }
  std::string names;
  for (const KernelTable* table : all_kernels()) {
    names += names.empty() ? table->name : std::string(", ") + table->name;
    if (isa != table->name) continue;
    if (!table->supported()) return unavailable("this machine has no " + std::string(isa) + " instructions");
    return table;
  }
  return invalid("instruction set '" + std::string(isa) + "' is unknown; built in are " + names);
}

}  // namespace cairn
