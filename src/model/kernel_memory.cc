#include "model/kernel_memory.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/bytes.h"

namespace cairn {

namespace {
constexpr std::size_t kHugePage = 2 * kMiB, kBytesMax = std::size_t{1} << 47;
}

KernelMemory::KernelMemory(std::size_t bytes) {
  if (bytes == 0) return;
  if (bytes > kBytesMax) throw KernelMemoryExhausted(bytes);
  const std::size_t unit = bytes >= kHugePage ? kHugePage : 4 * kKiB;
  const std::size_t wanted = round_up(bytes, unit), mapped = wanted + unit;
  void* raw = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) throw KernelMemoryExhausted(bytes);
  auto* begin = static_cast<std::byte*>(raw);
  auto* aligned = reinterpret_cast<std::byte*>(round_up(reinterpret_cast<std::uintptr_t>(begin), unit));
  if (aligned != begin) munmap(begin, static_cast<std::size_t>(aligned - begin));
  const auto tail = static_cast<std::size_t>(begin + mapped - (aligned + wanted));
  if (tail != 0) munmap(aligned + wanted, tail);
  if (unit == kHugePage) madvise(aligned, wanted, MADV_HUGEPAGE);  // a hint: refusal costs speed only
  data_ = aligned;
  bytes_ = wanted;
}

KernelMemory::~KernelMemory() {
  if (data_) munmap(data_, bytes_);
}

std::byte* KernelArena::take(std::size_t bytes) {
  const std::size_t wanted = round_up(bytes, 64);
  if (blocks_.empty() || used_ + wanted > blocks_.back().bytes()) {
    blocks_.emplace_back(std::max(wanted, kBlockBytes));
    used_ = 0;
  }
  std::byte* piece = blocks_.back().data() + used_;
  used_ += wanted;
  return piece;
}

}  // namespace cairn
