// Property: the oracle is the class, every supported table claims it, and a table that errs in one bit cannot.
#include "model/kernel_selftest.h"

#include <gtest/gtest.h>

#include "model/kernel_select.h"

namespace cairn {
namespace {

TEST(KernelSelftest, TheOracleGivesTheGoldenDigest) {
  const ScopedFpu fpu;
  EXPECT_EQ(to_hex(self_test(scalar_kernels())), to_hex(golden_digest()));
}

TEST(KernelSelftest, EverySupportedTableClaimsTheClass) {
  const ScopedFpu fpu;
  for (const KernelTable* table : all_kernels()) {
    if (table->supported()) {
      EXPECT_EQ(numerics_class_of(*table), "t32-v1") << table->name;
    }
  }
}

TEST(KernelSelftest, ATableThatErrsInOneBitIsAPrivateClass) {
  const ScopedFpu fpu;
  KernelTable broken = scalar_kernels();
  broken.swiglu = [](const float* gate, const float* up, float* out, std::size_t n) {
    scalar_kernels().swiglu(gate, up, out, n);
    if (n > 100) out[100] = -out[100];
  };
  EXPECT_TRUE(numerics_class_of(broken).starts_with("t32-v1!scalar-"));
}

TEST(KernelSelftest, WithoutFlushToZeroTheProcessStateIsRestored) {
  float tiny = 0x1p-140f;
  volatile float half = 0.5f;
  {
    const ScopedFpu fpu;
    EXPECT_EQ(tiny * half, 0.0f);
  }
  EXPECT_NE(tiny * half, 0.0f);
}

}  // namespace
}  // namespace cairn
