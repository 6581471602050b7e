// Memory for pages of a chunk that a load must read but nobody wants: those that the device has already, and those
// behind the last wanted token. Bounded; a page that is still held is not given out again. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "io/memory.h"

namespace cairn {

class ScratchPages {
 public:
  // Also keeps two pieces of `padding_bytes` zeros: one that is read only, one that loads write zeros to.
  static Result<std::unique_ptr<ScratchPages>> make(std::uint32_t pages, std::uint64_t page_stride,
                                                    std::uint64_t padding_bytes);

  // Distinct pages, or none at all when there are not enough free ones.
  std::vector<MemoryRef> take(std::size_t count);
  void give_back(const std::vector<MemoryRef>& pages);
  bool all_back() const { return taken_ == 0; }
  const MemoryRef& padding_to_read() const { return padding_to_read_; }
  const MemoryRef& padding_to_write() const { return padding_to_write_; }

 private:
  std::unique_ptr<MemoryRegion> region_;
  std::vector<MemoryRef> free_;
  MemoryRef padding_to_read_, padding_to_write_;
  std::size_t taken_ = 0;
};

}  // namespace cairn
