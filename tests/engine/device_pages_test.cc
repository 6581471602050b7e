// Property: a page is handed out once until its last reference is gone and no hold covers its memory.
#include "engine/device_pages.h"

#include <gtest/gtest.h>

#include <set>

#include "base/bytes.h"

namespace cairn {
namespace {

BlockLayout layout() {
  LayoutSpec spec;
  spec.geometry.groups = {{2, 2, 2, 16, KvDtype::kBf16}};
  return *BlockLayout::make(spec);
}

TEST(DevicePages, FillsTheByteBudgetAndNoMore) {
  const std::uint64_t stride = layout().page_stride(layout().whole());
  auto pages = *DevicePages::make(layout(), 5 * stride + stride - 1);
  EXPECT_EQ(pages->capacity(), 5u);
  EXPECT_EQ(pages->page_stride(), stride);
  EXPECT_EQ(pages->pool().pages, 5u);
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(seen.insert(pages->take()->index).second);
  EXPECT_FALSE(pages->take().has_value());
}

TEST(DevicePages, RefusesABudgetBelowTwoPagesAndSaysWhatIsNeeded) {
  const auto result = DevicePages::make(layout(), layout().page_stride(layout().whole()));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalid);
  EXPECT_NE(result.error().detail.find("need"), std::string::npos);
}

TEST(DevicePages, LastReferenceFreesThePage) {
  auto pages = *DevicePages::make(layout(), 1 * kMiB);
  const std::uint32_t all = pages->free();
  const PageId page = *pages->take();
  pages->retain(page);
  pages->release(page);
  EXPECT_EQ(pages->free(), all - 1);
  pages->release(page);
  EXPECT_EQ(pages->free(), all);
}

TEST(DevicePages, HeldMemoryIsKeptBackUntilTheHoldEnds) {
  auto pages = *DevicePages::make(layout(), 2 * layout().page_stride(layout().whole()));
  const PageId page = *pages->take();
  const std::uint64_t offset = page.index * pages->page_stride();
  pages->region()->hold(offset + 10, 1);
  pages->release(page);
  pages->refresh();
  EXPECT_EQ(pages->held_back(), 1u);
  EXPECT_NE(pages->take(), page);
  EXPECT_FALSE(pages->take().has_value());
  pages->region()->release(offset + 10, 1);
  pages->refresh();
  EXPECT_EQ(pages->take(), page);
}

}  // namespace
}  // namespace cairn
