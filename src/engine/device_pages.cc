#include "engine/device_pages.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/bytes.h"

namespace cairn {

Result<std::unique_ptr<DevicePages>> DevicePages::make(const BlockLayout& layout, std::uint64_t bytes) {
  const std::uint64_t stride = layout.page_stride(layout.whole());
  const std::uint64_t pages = bytes / stride;
  if (pages < 2) {
    return invalid("device_kv_bytes is " + format_bytes(bytes) + "; two pages of this model need " +
                   format_bytes(2 * stride));
  }
  if (pages > std::numeric_limits<std::uint32_t>::max()) return invalid("device_kv_bytes holds more than 2^32 pages");
  CAIRN_TRY(auto region, MemoryRegion::make({.bytes = pages * stride, .background = true}));
  MemoryRegion* memory = region.get();
  auto made = std::make_unique<DevicePages>(
      static_cast<std::uint32_t>(pages), layout.spec().page_tokens,
      [memory, stride](PageId page) { return memory->held_bytes() != 0 && memory->held(page.index * stride, stride); });
  made->region_ = std::move(region);
  made->page_stride_ = stride;
  return made;
}

DevicePages::DevicePages(std::uint32_t pages, std::uint32_t page_tokens, Held held)
    : page_tokens_(page_tokens), held_(std::move(held)), references_(pages, 0) {
  free_.reserve(pages);
  for (std::uint32_t index = pages; index > 0; --index) free_.push_back(PageId{index - 1});
}

std::optional<PageId> DevicePages::take() {
  if (free_.empty()) return std::nullopt;
  const PageId page = free_.back();
  free_.pop_back();
  references_[page.index] = 1;
  return page;
}

void DevicePages::retain(PageId page) {
  CAIRN_CHECK(references_.at(page.index) > 0, "a free page is retained");
  ++references_[page.index];
}

void DevicePages::release(PageId page) {
  CAIRN_CHECK(references_.at(page.index) > 0, "a page is released more often than it was taken");
  if (--references_[page.index] > 0) return;
  // A hold begins only while an operation uses the page, so a page that is free now cannot become held later.
  (held_(page) ? held_back_ : free_).push_back(page);
}

void DevicePages::refresh() {
  if (held_back_.empty()) return;
  const auto still = std::stable_partition(held_back_.begin(), held_back_.end(), held_);
  free_.insert(free_.end(), still, held_back_.end());
  held_back_.erase(still, held_back_.end());
}

PagePool DevicePages::pool() const {
  CAIRN_CHECK(region_ != nullptr, "pages without memory");
  return {region_->data(), page_stride_, capacity()};
}

}  // namespace cairn
