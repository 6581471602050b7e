// Property: the fastest table that computes the right bits is chosen, a named one is honoured, an unknown one is
// refused by name.
#include "model/kernel_select.h"

#include <gtest/gtest.h>

#include <vector>

#include "model/kernel_selftest.h"

namespace cairn {
namespace {

TEST(KernelSelect, ScalarIsAlwaysThere) {
  const auto table = select_kernels("scalar");
  ASSERT_TRUE(table);
  EXPECT_STREQ((*table)->name, "scalar");
}

TEST(KernelSelect, TheFastestExactTableIsBest) {
  const KernelTable &slow = scalar_kernels(), &fast = avx2_kernels(), &wide = avx512_kernels();
  const auto best = [](std::vector<KernelTrial> trials) { return best_of(trials); };
  EXPECT_EQ(best({{&slow, 1, true}, {&fast, 80, true}, {&wide, 160, true}}), &wide);
  EXPECT_EQ(best({{&slow, 1, true}, {&fast, 80, true}, {&wide, 40, true}}), &fast);  // wide, but emulated or halved
  EXPECT_EQ(best({{&slow, 1, true}, {&fast, 80, true}, {&wide, 160, false}}), &fast);
  EXPECT_EQ(best({{&slow, 1, true}, {&fast, 80, false}, {&wide, 160, false}}), &slow);
  EXPECT_EQ(best({{&fast, 80, false}, {&wide, 160, false}}), &wide);  // a private class, see docs/numerics.md
  EXPECT_EQ(best({}), nullptr);
}

TEST(KernelSelect, TheDefaultIsSupportedExactAndAlwaysTheSame) {
  const auto chosen = select_kernels("");
  ASSERT_TRUE(chosen);
  EXPECT_TRUE((*chosen)->supported());
  EXPECT_EQ(numerics_class_of(**chosen), "t32-v1");
  EXPECT_EQ(select_kernels("").value(), *chosen);
  if (avx2_kernels().supported()) {
    EXPECT_NE(*chosen, &scalar_kernels());
  }
}

TEST(KernelSelect, AnUnknownNameListsWhatExists) {
  const auto table = select_kernels("mmx");
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, ErrorCode::kInvalid);
  EXPECT_NE(table.error().detail.find("scalar, avx2, avx512"), std::string::npos);
}

TEST(KernelSelect, AnAbsentInstructionSetIsUnavailable) {
  for (const KernelTable* table : all_kernels()) {
    if (table->supported()) continue;
    const auto chosen = select_kernels(table->name);
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().code, ErrorCode::kUnavailable);
  }
}

}  // namespace
}  // namespace cairn
