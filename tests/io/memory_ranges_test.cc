// Property: holds are counted per granule of any size, overlap freely, also from many threads, and a range outside its
// region, however it is written, ends the program; a shareable region is one memory under each of its mappings.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "io/memory.h"

namespace cairn {
namespace {

std::unique_ptr<MemoryRegion> small_region(std::uint32_t granule = 4096) {
  auto region = MemoryRegion::make({.bytes = 1, .huge_pages = false, .touch = false, .hold_granule = granule});
  EXPECT_TRUE(region.has_value());
  return std::move(*region);
}

TEST(MemoryRanges, SizesAreRoundedUpAndThePageKindIsTold) {
  const std::set<std::string> kinds{"hugetlb", "thp", "4k"};
  for (const bool shareable : {false, true}) {
    for (const bool huge : {false, true}) {
      for (const std::uint64_t bytes : {std::uint64_t{1}, 2 * kMiB, 2 * kMiB + 1}) {
        const auto region = MemoryRegion::make({.bytes = bytes, .huge_pages = huge, .shareable = shareable});
        ASSERT_TRUE(region.has_value());
        EXPECT_EQ((*region)->size(), bytes > 2 * kMiB ? 4 * kMiB : 2 * kMiB);
        EXPECT_EQ(kinds.count((*region)->page_kind()), 1u) << (*region)->page_kind();
        EXPECT_EQ((*region)->descriptor() >= 0, shareable);
        if (!huge) {
          EXPECT_STREQ((*region)->page_kind(), "4k");
        }
        std::memset((*region)->data(), 0x41, (*region)->size());  // all of it can be written
      }
    }
  }
  EXPECT_EQ(MemoryRegion::make({.bytes = 4096, .hold_granule = 0}).error().code, ErrorCode::kInvalid);
  const auto endless = MemoryRegion::make({.bytes = std::numeric_limits<std::uint64_t>::max(), .touch = false});
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().code, ErrorCode::kExhausted);
}

TEST(MemoryRanges, AMappingOfAShareableRegionIsTheSameMemoryAndOutlivesIt) {
  auto region = std::move(*MemoryRegion::make({.bytes = 2 * kMiB, .huge_pages = false, .shareable = true}));
  struct stat found{};
  ASSERT_EQ(fstat(region->descriptor(), &found), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(found.st_size), region->size());
  EXPECT_NE(fcntl(region->descriptor(), F_GETFD) & FD_CLOEXEC, 0) << "no child inherits it unasked";
  void* mapped = mmap(nullptr, region->size(), PROT_READ | PROT_WRITE, MAP_SHARED, region->descriptor(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  auto* again = static_cast<std::byte*>(mapped);
  again[2 * kMiB - 1] = std::byte{0x7f};
  EXPECT_EQ(region->data()[2 * kMiB - 1], std::byte{0x7f});
  region->data()[0] = std::byte{0x11};
  region.reset();
  EXPECT_EQ(again[0], std::byte{0x11});
  munmap(mapped, 2 * kMiB);
}

TEST(MemoryRanges, AGranuleIsHeldUntilItsLastHoldIsReleased) {
  constexpr std::uint32_t kGranule = 10'000;  // divides neither the page nor the region
  const auto region = small_region(kGranule);
  region->hold(kGranule - 1, 2);  // the last byte of granule 0, the first of 1
  EXPECT_EQ(region->held_bytes(), 2u * kGranule);
  EXPECT_TRUE(region->held(0, 1));
  EXPECT_TRUE(region->held(2 * kGranule - 1, 1));
  EXPECT_FALSE(region->held(2 * kGranule, kGranule));
  region->hold(kGranule, kGranule);  // granule 1 again
  EXPECT_EQ(region->held_bytes(), 2u * kGranule) << "held twice is held once";
  region->release(kGranule - 1, 2);
  EXPECT_FALSE(region->held(0, kGranule));
  EXPECT_TRUE(region->held(kGranule, 1));
  EXPECT_TRUE(region->held(0, kGranule + 1)) << "a range that reaches into it";
  region->release(kGranule, kGranule);
  EXPECT_EQ(region->held_bytes(), 0u);
  region->hold(region->size() - 1, 1);
  EXPECT_TRUE(region->held(region->size() - 1, 1));
  region->release(region->size() - 1, 1);
  region->hold(5, 0);
  EXPECT_FALSE(region->held(5, 0));
  EXPECT_EQ(region->held_bytes(), 0u) << "no bytes, no hold";
}

TEST(MemoryRanges, OverlappingHoldsOfManyThreadsAreNeverLost) {
  const auto region = small_region();
  std::vector<std::thread> threads;
  std::vector<int> unheld(3, 0);
  for (std::size_t t = 0; t < unheld.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 2'000; ++i) {
        const std::uint64_t offset = (i * 4'099 + t * 1'000) % (region->size() - 20'000);
        region->hold(offset, 20'000);
        for (const std::uint64_t at : {offset, offset + 19'999}) unheld[t] += region->held(at, 1) ? 0 : 1;
        region->release(offset, 20'000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unheld, std::vector<int>(3, 0));
  EXPECT_EQ(region->held_bytes(), 0u);
  EXPECT_FALSE(region->held(0, region->size()));
}

TEST(MemoryRanges, AReferenceHoldsItsOwnRange) {
  const auto region = small_region();
  const MemoryRef ref{.data = region->data() + 8192, .size = 4097, .region = region.get()};
  EXPECT_EQ(ref.offset(), 8192u);
  ref.hold();
  EXPECT_EQ(region->held_bytes(), 2u * 4096);
  EXPECT_FALSE(region->held(0, 8192));
  EXPECT_TRUE(region->held(8192 + 4096, 1));
  ref.release();
  EXPECT_EQ(region->held_bytes(), 0u);
  std::byte loose{};
  const MemoryRef outside{.data = &loose, .size = 1};
  outside.hold();
  outside.release();
}

TEST(MemoryRangesDeath, ARangeOutsideItsRegionEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  EXPECT_DEATH(small_region()->hold(2 * kMiB - 1, 2), "outside its region");
  EXPECT_DEATH(small_region()->release(2 * kMiB, 1), "outside its region");
  EXPECT_DEATH((void)small_region()->held(2 * kMiB, 1), "outside its region");
  EXPECT_DEATH(small_region()->hold(kMost, 2), "outside its region") << "end wraps around";
  EXPECT_DEATH(small_region()->release(2, kMost), "outside its region") << "end wraps around";
  EXPECT_DEATH((void)small_region()->held(kMost - 4095, 8192), "outside its region") << "begins before the region";
}

TEST(MemoryRangesDeath, EveryHoldIsReleasedOnceBeforeItsRegionEnds) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const auto region = small_region();
        region->hold(0, 4096);
        region->release(0, 4096);
        region->release(0, 4096);
      },
      "not held");
  EXPECT_DEATH(
      {
        const auto region = small_region();
        region->hold(0, 4097);
        region->hold(4096, 1);
        region->release(0, 4097);  // the second granule is held still
      },
      "kernel call may write");
}

}  // namespace
}  // namespace cairn
