// Property: the AVX-512 table gives the bits of the scalar oracle.
#include "model/kernel_cases.h"

CAIRN_KERNEL_TESTS(IsaAvx512, cairn::avx512_kernels())
