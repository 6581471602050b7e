#include "model/kernel_select.h"

#include <immintrin.h>

#include <string>

namespace cairn {

namespace {
// Flush to zero, denormals are zero, all exceptions masked, round to nearest.
constexpr std::uint32_t kComputeMxcsr = 0x9fc0;
}  // namespace

ScopedFpu::ScopedFpu() noexcept : saved_(_mm_getcsr()) { _mm_setcsr(kComputeMxcsr); }
ScopedFpu::~ScopedFpu() { _mm_setcsr(saved_); }

std::span<const KernelTable* const> all_kernels() {
  static const KernelTable* const tables[] = {&scalar_kernels(), &avx2_kernels(), &avx512_kernels()};
  return tables;
}

Result<const KernelTable*> select_kernels(std::string_view isa) {
  const KernelTable* chosen = nullptr;
  std::string names;
  for (const KernelTable* table : all_kernels()) {
    names += names.empty() ? table->name : std::string(", ") + table->name;
    if (isa.empty()) {
      if (table->supported() && (!chosen || table->lanes > chosen->lanes)) chosen = table;
    } else if (isa == table->name) {
      if (!table->supported()) return unavailable("this machine has no " + std::string(isa) + " instructions");
      chosen = table;
    }
  }
  if (!chosen) return invalid("instruction set '" + std::string(isa) + "' is unknown; built in are " + names);
  return chosen;
}

}  // namespace cairn
