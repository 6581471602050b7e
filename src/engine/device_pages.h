// The pages of the device KV pool: one memory region cut into pages of equal stride, reference counts, a free list.
// A page whose memory is held (io/memory.h: an abandoned kernel call may still touch it) is never handed out, however
// long the hold lasts. Owned by the step thread; nothing here blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/memory.h"
#include "kv/layout.h"
#include "model/forward.h"

namespace cairn {

class DevicePages {
 public:
  using Held = std::function<bool(PageId)>;

  // As many pages of the whole model as fit into `bytes`. kInvalid: fewer than two; kExhausted: no memory.
  static Result<std::unique_ptr<DevicePages>> make(const BlockLayout& layout, std::uint64_t bytes);
  // Bookkeeping without memory of its own (a device that owns its memory, tests).
  DevicePages(std::uint32_t pages, std::uint32_t page_tokens, Held held);

  std::optional<PageId> take();  // references: 1; none free: nothing
  void retain(PageId page);      // checked: the page is in use
  void release(PageId page);     // the last reference makes it free, or held back until its hold ends
  void refresh();                // pages whose hold has ended become free
  bool held(PageId page) const { return held_(page); }

  std::uint32_t capacity() const { return static_cast<std::uint32_t>(references_.size()); }
  std::uint32_t free() const { return static_cast<std::uint32_t>(free_.size()); }
  std::uint32_t held_back() const { return static_cast<std::uint32_t>(held_back_.size()); }
  std::uint32_t references(PageId page) const { return references_.at(page.index); }

  PagePool pool() const;  // as kernels see it; checked: has memory
  MemoryRegion* region() const { return region_.get(); }
  std::uint64_t page_stride() const { return page_stride_; }
  std::uint32_t page_tokens() const { return page_tokens_; }

 private:
  std::unique_ptr<MemoryRegion> region_;
  std::uint64_t page_stride_ = 0;
  std::uint32_t page_tokens_;
  Held held_;
  std::vector<std::uint32_t> references_;
  std::vector<PageId> free_;       // a stack: the page used last is the warmest
  std::vector<PageId> held_back_;  // free but for a hold; at most capacity()
};

}  // namespace cairn
