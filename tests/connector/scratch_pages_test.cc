// Scratch pages are distinct, bounded, and not given out while held.
#include "connector/scratch_pages.h"

#include <gtest/gtest.h>

#include <set>

namespace cairn {
namespace {

TEST(ScratchPages, GivesDistinctPagesOrNone) {
  const auto scratch = std::move(ScratchPages::make(6, 4096, 100)).value();
  const auto four = scratch->take(4);
  ASSERT_EQ(four.size(), 4u);
  std::set<std::byte*> places{scratch->padding_to_read().data, scratch->padding_to_write().data};
  for (const MemoryRef& page : four) places.insert(page.data);
  EXPECT_EQ(places.size(), 6u);
  EXPECT_TRUE(scratch->take(3).empty());
  EXPECT_FALSE(scratch->all_back());
  scratch->give_back(four);
  EXPECT_TRUE(scratch->all_back());
  EXPECT_EQ(scratch->take(6).size(), 6u);
}

TEST(ScratchPages, KeepsHeldPagesBack) {
  const auto scratch = std::move(ScratchPages::make(4, 4096, 0)).value();
  const auto pages = scratch->take(2);
  pages[0].hold();
  scratch->give_back(pages);
  EXPECT_TRUE(scratch->take(4).empty());
  const auto free = scratch->take(3);
  ASSERT_EQ(free.size(), 3u);
  for (const MemoryRef& page : free) EXPECT_NE(page.data, pages[0].data);
  pages[0].release();
  EXPECT_EQ(scratch->take(1).size(), 1u);
}

}  // namespace
}  // namespace cairn
