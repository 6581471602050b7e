// Does a kernel table compute class t32-v1 on this machine? A few milliseconds of products, attention, norms and
// rotations of fixed inputs, digested. Any thread with ScopedFpu set; pure.
#pragma once

#include <string>

#include "base/digest.h"
#include "model/kernel_table.h"

namespace cairn {

Digest self_test(const KernelTable& kernels);
const Digest& golden_digest();  // of the scalar oracle; part of the class: a change of any formula is a new class

// "t32-v1" when the self-test gives the golden digest, else a private name with the table's and the digest's.
std::string numerics_class_of(const KernelTable& kernels);

}  // namespace cairn
