// Property: a region is there, touched and aligned, and knows exactly which of its granules a kernel call may touch.
#include "io/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"

namespace cairn {
namespace {

TEST(Memory, IsAlignedToAHugePageAndBacked) {
  for (const bool huge : {false, true}) {
    MemoryRegion::Options options;
    options.bytes = 5 * kMiB;
    options.huge_pages = huge;
    const auto region = MemoryRegion::make(options);
    ASSERT_TRUE(region.has_value());
    EXPECT_EQ((*region)->size(), 6 * kMiB);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*region)->data()) % (2 * kMiB), 0u);
    std::vector<unsigned char> present((*region)->size() / 4096);
    ASSERT_EQ(mincore((*region)->data(), (*region)->size(), present.data()), 0);
    for (const unsigned char page : present) ASSERT_EQ(page & 1, 1);
    EXPECT_EQ((*region)->descriptor(), -1);
    if (!huge) {
      EXPECT_STREQ((*region)->page_kind(), "4k");
    }
  }
}

TEST(Memory, IsUsedWhileItIsTouchedInTheBackground) {
  MemoryRegion::Options options;
  options.bytes = 48 * kMiB;
  options.background = true;
  const auto region = std::move(*MemoryRegion::make(options));
  std::memset(region->data(), 0x5a, region->size());
  region->wait_until_touched();
  EXPECT_EQ(MemoryRegion::untouched_bytes_of_all(), 0u);
  std::vector<unsigned char> present(region->size() / 4096);
  ASSERT_EQ(mincore(region->data(), region->size(), present.data()), 0);
  for (const unsigned char page : present) ASSERT_EQ(page & 1, 1);
  for (std::uint64_t at = 0; at < region->size(); at += 512) ASSERT_EQ(region->data()[at], std::byte{0x5a});
  options.bytes = 4 * kGiB;  // ends before it is touched, and what it never took is nobody's any more
  std::move(*MemoryRegion::make(options)).reset();
  EXPECT_EQ(MemoryRegion::untouched_bytes_of_all(), 0u);
}

// What was promised and is not there is found at start, not when the data path comes to it.
TEST(MemoryDeath, MemoryThatIsRefusedInTheBackgroundEndsTheProcessWithOneLine) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        auto region = std::move(*MemoryRegion::make({.bytes = 1 * kGiB, .background = true}));
        // As when the system has no page left: the last stripe cannot be touched.
        if (munmap(region->data() + region->size() - 2 * kMiB, 2 * kMiB) == 0) region->wait_until_touched();
      },
      testing::ExitedWithCode(1), "cairn: the system took back memory");
}

// Who maps it reads beyond no end.
TEST(Memory, AShareableRegionKeepsItsSize) {
  const auto region = MemoryRegion::make({.bytes = 2 * kMiB, .huge_pages = false, .shareable = true});
  ASSERT_TRUE(region);
  EXPECT_NE(ftruncate((*region)->descriptor(), 0), 0);
  EXPECT_NE(ftruncate((*region)->descriptor(), 4 * kMiB), 0);
}

TEST(Memory, AShareableRegionCanBeMappedAgain) {
  MemoryRegion::Options options;
  options.bytes = 2 * kMiB;
  options.shareable = true;
  const auto region = MemoryRegion::make(options);
  ASSERT_TRUE(region.has_value());
  ASSERT_GE((*region)->descriptor(), 0);
  void* again = mmap(nullptr, 2 * kMiB, PROT_READ, MAP_SHARED, (*region)->descriptor(), 0);
  ASSERT_NE(again, MAP_FAILED);
  std::memcpy((*region)->data() + 12345, "seen", 4);
  EXPECT_EQ(std::memcmp(static_cast<std::byte*>(again) + 12345, "seen", 4), 0);
  munmap(again, 2 * kMiB);
}

TEST(Memory, WhatTheSystemDoesNotHaveIsExhausted) {
  MemoryRegion::Options options;
  options.bytes = std::uint64_t{1} << 50;
  options.touch = false;
  const auto region = MemoryRegion::make(options);
  ASSERT_FALSE(region.has_value());
  EXPECT_EQ(region.error().code, ErrorCode::kExhausted);
  options.bytes = 0;
  EXPECT_EQ(MemoryRegion::make(options).error().code, ErrorCode::kInvalid);
}

TEST(Memory, HoldsAgreeWithAModelOverRandomRanges) {
  MemoryRegion::Options options;
  options.bytes = 2 * kMiB;
  options.huge_pages = false;
  auto region = std::move(*MemoryRegion::make(options));
  std::vector<int> model(512, 0);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> live;
  Random random(8);
  for (int step = 0; step < 5000; ++step) {
    if (live.empty() || random.below(2) == 0) {
      const std::uint64_t offset = random.below(2 * kMiB),
                          bytes = random.below(std::min<std::uint64_t>(50'000, 2 * kMiB - offset));
      region->hold(offset, bytes);
      live.emplace_back(offset, bytes);
      for (std::uint64_t i = offset / 4096; bytes > 0 && i <= (offset + bytes - 1) / 4096; ++i) ++model[i];
    } else {
      const std::size_t pick = random.below(live.size());
      const auto [offset, bytes] = live[pick];
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(pick));
      region->release(offset, bytes);
      for (std::uint64_t i = offset / 4096; bytes > 0 && i <= (offset + bytes - 1) / 4096; ++i) --model[i];
    }
    std::uint64_t held = 0;
    for (const int count : model) held += count > 0 ? 4096 : 0;
    ASSERT_EQ(region->held_bytes(), held);
    const std::uint64_t probe = random.below(512);
    ASSERT_EQ(region->held(probe * 4096 + 7, 1), model[probe] > 0);
  }
  for (const auto& [offset, bytes] : live) region->release(offset, bytes);
}

TEST(MemoryDeath, HeldMemoryIsNotUnmapped) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        auto region = std::move(*MemoryRegion::make({.bytes = 4096, .huge_pages = false}));
        region->hold(0, 10);
        region.reset();
      },
      "kernel call may write");
  EXPECT_DEATH(
      {
        auto region = std::move(*MemoryRegion::make({.bytes = 4096, .huge_pages = false}));
        region->release(0, 10);
      },
      "not held");
}

}  // namespace
}  // namespace cairn
