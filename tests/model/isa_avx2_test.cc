// Property: the AVX2 table gives the bits of the scalar oracle.
#include "model/kernel_cases.h"

CAIRN_KERNEL_TESTS(IsaAvx2, cairn::avx2_kernels())
