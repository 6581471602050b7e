// Which kernel table a process uses: features say what can run, a measurement says what runs fast (an instruction set
// may be emulated, halved or throttled), and the self-test what computes the right bits. Any thread.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "model/kernel_table.h"

namespace cairn {

// Every table built into the program, supported here or not, slowest first.
std::span<const KernelTable* const> all_kernels();

// What a table showed on this machine.
struct KernelTrial {
  const KernelTable* table;
  double product_flops;  // matrix products from the first-level cache, f32 operations per second
  bool exact;            // its self-test gives the golden digest of class t32-v1
};
// The fastest of those that are exact; if none is, the fastest. Null when there is none.
const KernelTable* best_of(std::span<const KernelTrial> trials);

// "" chooses among the supported tables by such trials, once in a process and in a few milliseconds; else the table of
// that name. kInvalid lists what exists, kUnavailable says that this machine lacks the instruction set.
Result<const KernelTable*> select_kernels(std::string_view isa);

}  // namespace cairn
