// Which kernel table a process uses. Immutable after the first call; any thread.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "model/kernel_table.h"

namespace cairn {

// Every table built into the program, supported here or not, slowest first.
std::span<const KernelTable* const> all_kernels();

// "" chooses the fastest supported table; else the table of that name. kInvalid lists what exists, kUnavailable says
// that this machine lacks the instruction set.
Result<const KernelTable*> select_kernels(std::string_view isa);

}  // namespace cairn
