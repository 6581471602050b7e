#include "node/pool_view.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "node/segment_copy.h"

namespace cairn {
namespace {

// A file that shrinks under a mapping ends whoever touches it.
Result<void> check_descriptor(const Descriptor& descriptor, std::uint64_t bytes, const char* name) {
  struct stat found{};
  if (::fstat(descriptor.get(), &found) != 0) return invalid(std::string("no descriptor of the ") + name);
  if (found.st_size < 0 || static_cast<std::uint64_t>(found.st_size) < bytes) {
    return invalid(std::string("the ") + name + " is smaller than the daemon said");
  }
  const int seals = ::fcntl(descriptor.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return invalid(std::string("the ") + name + " could shrink");
  return {};
}

Result<void*> mapped(const Descriptor& descriptor, std::uint64_t bytes, int rights) {
  void* data = ::mmap(nullptr, bytes, rights, MAP_SHARED, descriptor.get(), 0);
  if (data == MAP_FAILED) return unavailable(std::string("the pool cannot be mapped: ") + std::strerror(errno));
  return data;
}

}  // namespace

Result<std::unique_ptr<PoolView>> PoolView::map(const Descriptor& pool, const Descriptor& generations,
                                                const Welcome& welcome, const Clock& clock) {
  const std::uint64_t generation_bytes = std::uint64_t{welcome.slots} * sizeof(std::uint64_t);
  if (welcome.slots == 0 || welcome.slot_bytes == 0 ||
      welcome.slot_bytes > std::numeric_limits<std::uint64_t>::max() / welcome.slots ||
      welcome.slot_bytes * welcome.slots > welcome.pool_bytes) {
    return invalid("the daemon's slots do not fit its pool");
  }
  CAIRN_TRY_VOID(check_descriptor(pool, welcome.pool_bytes, "pool"));
  CAIRN_TRY_VOID(check_descriptor(generations, generation_bytes, "table of generations"));
  std::unique_ptr<PoolView> view(new PoolView());
  CAIRN_TRY(void* data, mapped(pool, welcome.pool_bytes, PROT_READ | PROT_WRITE));
  view->data_ = static_cast<std::byte*>(data);
  view->pool_bytes_ = welcome.pool_bytes;
  CAIRN_TRY(void* numbers, mapped(generations, generation_bytes, PROT_READ));
  view->generations_ = static_cast<const std::atomic<std::uint64_t>*>(numbers);
  view->generation_bytes_ = generation_bytes;
  view->slot_bytes_ = welcome.slot_bytes;
  view->slots_ = welcome.slots;
  view->copy_ = measure_copy(clock);
  return view;
}

PoolView::~PoolView() {
  if (data_ != nullptr) ::munmap(data_, pool_bytes_);
  if (generations_ != nullptr) {
    ::munmap(const_cast<std::atomic<std::uint64_t>*>(generations_), generation_bytes_);
  }
}

bool PoolView::stands(std::uint32_t slot, std::uint64_t generation) const {
  if (slot >= slots_ || generation % 2 != 0) return false;
  std::atomic_thread_fence(std::memory_order_acquire);  // what was copied was copied before
  return generations_[slot].load() == generation;
}

bool PoolView::read(const BlockPlace& place, Scatter into) const {
  const std::uint64_t bytes = bytes_of(into);
  if (place.slot >= slots_ || bytes == 0 || bytes > slot_bytes_ || place.digests.size() != segments_of(bytes)) {
    return false;
  }
  const std::byte* slot = data_ + place.slot * slot_bytes_;
  ScatterWalk walk(into);
  std::uint64_t at = 0;
  for (const Checksum128& wanted : place.digests) {
    const std::uint64_t piece = std::min(kPoolSegmentBytes, bytes - at);
    if (copy_segment_out(copy_, slot + at, walk, piece) != wanted) return false;
    at += piece;
  }
  return stands(place.slot, place.generation);
}

std::vector<Checksum128> PoolView::write(std::uint32_t slot, Scatter from) const {
  const std::uint64_t bytes = bytes_of(from);
  CAIRN_CHECK(slot < slots_ && bytes > 0 && bytes <= slot_bytes_, "a block that its slot does not hold");
  std::vector<Checksum128> digests;
  digests.reserve(segments_of(bytes));
  ScatterWalk walk(from);
  for (std::uint64_t at = 0; at < bytes; at += kPoolSegmentBytes) {
    digests.push_back(
        copy_segment_in(copy_, walk, data_ + slot * slot_bytes_ + at, std::min(kPoolSegmentBytes, bytes - at)));
  }
  return digests;
}

}  // namespace cairn
