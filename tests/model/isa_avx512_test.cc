// Property: the AVX-512 table gives the bits of the scalar oracle; where the machine has no such instructions, the
// same source does with each of them emulated.
#include "model/emulated_avx512.h"
#include "model/kernel_cases.h"
#include "model/kernel_selftest.h"

CAIRN_KERNEL_TESTS(IsaAvx512, cairn::avx512_kernels())
CAIRN_KERNEL_TESTS(IsaAvx512Emulated, cairn::emulated_avx512_kernels())

TEST_F(IsaAvx512Emulated, GivesTheGoldenDigest) {
  const cairn::ScopedFpu fpu;
  EXPECT_EQ(cairn::numerics_class_of(cairn::emulated_avx512_kernels()), "t32-v1");
}
