#include "connector/scratch_pages.h"

#include <algorithm>

#include "base/bytes.h"

namespace cairn {

Result<std::unique_ptr<ScratchPages>> ScratchPages::make(std::uint32_t pages, std::uint64_t page_stride,
                                                         std::uint64_t padding_bytes) {
  auto scratch = std::make_unique<ScratchPages>();
  const std::uint64_t padding = round_up(std::max<std::uint64_t>(padding_bytes, 1), 4096);
  MemoryRegion::Options options;
  options.bytes = pages * page_stride + 2 * padding;
  CAIRN_TRY(scratch->region_, MemoryRegion::make(options));
  std::byte* at = scratch->region_->data();
  const auto cut = [&](std::uint64_t bytes) {
    const MemoryRef ref{at, bytes, scratch->region_.get(), MemoryKind::kHost, 0};
    at += bytes;
    return ref;
  };
  scratch->padding_to_read_ = cut(padding);
  scratch->padding_to_write_ = cut(padding);
  for (std::uint32_t i = 0; i < pages; ++i) scratch->free_.push_back(cut(page_stride));
  return scratch;
}

std::vector<MemoryRef> ScratchPages::take(std::size_t count) {
  const auto usable = [](const MemoryRef& page) { return !page.region->held(page.offset(), page.size); };
  const auto end =
      std::stable_partition(free_.begin(), free_.end(), [&](const MemoryRef& page) { return !usable(page); });
  if (static_cast<std::size_t>(free_.end() - end) < count) return {};
  std::vector<MemoryRef> pages(free_.end() - static_cast<std::ptrdiff_t>(count), free_.end());
  free_.resize(free_.size() - count);
  taken_ += count;
  return pages;
}

void ScratchPages::give_back(const std::vector<MemoryRef>& pages) {
  free_.insert(free_.end(), pages.begin(), pages.end());
  taken_ -= pages.size();
}

}  // namespace cairn
