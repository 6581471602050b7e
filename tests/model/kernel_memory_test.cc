// Property: kernel memory is zero, aligned, movable and as large as asked.
#include "model/kernel_memory.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(KernelMemory, IsZeroAlignedAndLargeEnough) {
  for (const std::size_t bytes : {1ul, 4096ul, 5000ul, 3ul << 20}) {
    const KernelMemory memory(bytes);
    ASSERT_GE(memory.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory.data()) % 4096, 0u);
    for (std::size_t i = 0; i < memory.bytes(); ++i) ASSERT_EQ(memory.data()[i], std::byte{0});
    memory.data()[bytes - 1] = std::byte{1};
  }
}

TEST(KernelMemory, MovesWithItsContents) {
  KernelArray<int> a(100);
  a.data()[99] = 5;
  const KernelArray<int> b = std::move(a);
  EXPECT_EQ(b.size(), 100u);
  EXPECT_EQ(b.data()[99], 5);
}

TEST(KernelMemory, NothingAskedIsNothingHeld) {
  const KernelMemory memory(0);
  EXPECT_EQ(memory.data(), nullptr);
}

TEST(KernelMemory, WhatCannotBeMappedIsSaidWithItsSize) {
  for (const std::size_t bytes : {std::size_t{1} << 46, std::size_t{1} << 60, ~std::size_t{0}}) {
    try {
      const KernelMemory memory(bytes);
      ADD_FAILURE() << "mapped " << bytes;
    } catch (const KernelMemoryExhausted& error) {
      EXPECT_EQ(error.bytes, bytes);
    }
  }
}

}  // namespace
}  // namespace cairn
