// The AVX-512 table of src/model/isa_avx512.cc with each of its 512-bit instructions replaced by a loop over 16 lanes:
// its logic is tested on machines that only have AVX2.
#pragma once

#include "model/kernel_table.h"

namespace cairn {
const KernelTable& emulated_avx512_kernels();  // supported where AVX2 is
}
