// Property: the fastest supported table is chosen, a named one is honoured, an unknown one is refused by name.
#include "model/kernel_select.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(KernelSelect, ScalarIsAlwaysThere) {
  const auto table = select_kernels("scalar");
  ASSERT_TRUE(table);
  EXPECT_STREQ((*table)->name, "scalar");
}

TEST(KernelSelect, TheWidestSupportedTableIsTheDefault) {
  const auto chosen = select_kernels("");
  ASSERT_TRUE(chosen);
  for (const KernelTable* table : all_kernels()) {
    if (table->supported()) {
      EXPECT_LE(table->lanes, (*chosen)->lanes);
    }
  }
  EXPECT_TRUE((*chosen)->supported());
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
