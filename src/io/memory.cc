#include "io/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "base/check.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace cairn {
namespace {

constexpr std::uint64_t kHugePageBytes = 2 * kMiB;
constexpr std::uint64_t kTouchStripeBytes = 64 * kMiB;
constexpr std::uint64_t kBehindStripeBytes = 16 * kMiB;  // short, so that the end of a region need not wait
constexpr int kBehindNice = 15;
constexpr unsigned kTouchThreadsMax = 4;

std::atomic<std::uint64_t> untouched_bytes{0};

struct Mapping {
  void* data = MAP_FAILED;
  int descriptor = -1;
  const char* page_kind = "4k";
};

bool transparent_huge_pages_allowed() {
  std::FILE* file = std::fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
  if (file == nullptr) return false;
  char text[64] = {};
  const std::size_t got = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  return got > 0 && std::strstr(text, "[never]") == nullptr;
}

// An address range aligned to a huge page, so that transparent huge pages cover all of it.
std::byte* reserve(std::uint64_t bytes) {
  const std::uint64_t padded = bytes + kHugePageBytes;
  void* raw = mmap(nullptr, padded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<std::uintptr_t>(raw);
  const std::uintptr_t aligned = round_up(begin, kHugePageBytes);
  if (aligned > begin) munmap(raw, aligned - begin);
  const std::uintptr_t end = aligned + bytes;
  if (begin + padded > end) munmap(reinterpret_cast<void*>(end), begin + padded - end);
  return reinterpret_cast<std::byte*>(aligned);
}

Mapping map_hugetlb(std::uint64_t bytes, bool shareable) {
  Mapping mapping;
  if (shareable) {
    mapping.descriptor = memfd_create("cairn", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
    if (mapping.descriptor < 0) return mapping;
    if (ftruncate(mapping.descriptor, static_cast<off_t>(bytes)) == 0) {
      mapping.data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, mapping.descriptor, 0);
    }
    if (mapping.data == MAP_FAILED) close(std::exchange(mapping.descriptor, -1));
  } else {
    mapping.data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  }
  mapping.page_kind = "hugetlb";
  return mapping;
}

Mapping map_ordinary(std::uint64_t bytes, const MemoryRegion::Options& options) {
  Mapping mapping;
  std::byte* address = reserve(bytes);
  if (address == nullptr) return mapping;
  if (options.shareable) {
    mapping.descriptor = memfd_create("cairn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (mapping.descriptor >= 0 && ftruncate(mapping.descriptor, static_cast<off_t>(bytes)) == 0) {
      mapping.data = mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, mapping.descriptor, 0);
    }
    if (mapping.data == MAP_FAILED && mapping.descriptor >= 0) close(std::exchange(mapping.descriptor, -1));
  } else {
    mapping.data = mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  }
  if (mapping.data == MAP_FAILED) {
    munmap(address, bytes);
    return mapping;
  }
  if (options.huge_pages && transparent_huge_pages_allowed() && madvise(mapping.data, bytes, MADV_HUGEPAGE) == 0) {
    mapping.page_kind = "thp";
  } else if (!options.huge_pages) {
    madvise(mapping.data, bytes, MADV_NOHUGEPAGE);
  }
  return mapping;
}

// MADV_POPULATE_WRITE reports a refusal where a plain store would end in SIGBUS or the OOM killer.
bool touch_stripe(std::byte* data, std::uint64_t bytes) {
  int failed = 0;
  do {
    failed = madvise(data, bytes, MADV_POPULATE_WRITE) == 0 ? 0 : errno;
  } while (failed == EINTR || failed == EAGAIN);
  if (failed == 0) return true;
  if (failed != EINVAL) return false;
  for (std::uint64_t at = 0; at < bytes; at += 4096) {
    // Changes nothing, since others may write there meanwhile.
    __atomic_fetch_or(reinterpret_cast<unsigned char*>(data + at), 0, __ATOMIC_RELAXED);
  }
  return true;
}

bool touch_all(std::byte* data, std::uint64_t bytes) {
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> good{true};
  const auto work = [&] {
    for (;;) {
      const std::uint64_t at = next.fetch_add(kTouchStripeBytes);
      if (at >= bytes || !good) return;
      if (!touch_stripe(data + at, std::min(kTouchStripeBytes, bytes - at))) good = false;
    }
  };
  const std::uint64_t stripes = (bytes + kTouchStripeBytes - 1) / kTouchStripeBytes;
  const auto threads = static_cast<unsigned>(
      std::min<std::uint64_t>(stripes, std::clamp(std::thread::hardware_concurrency(), 1u, kTouchThreadsMax)));
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  return good;
}

}  // namespace

Result<std::unique_ptr<MemoryRegion>> MemoryRegion::make(const Options& options) {
  if (options.bytes == 0) return invalid("a memory region needs at least one byte");
  if (options.hold_granule == 0) return invalid("hold_granule must be positive");
  const std::uint64_t bytes = round_up(options.bytes, kHugePageBytes);
  Mapping mapping;
  if (options.huge_pages) mapping = map_hugetlb(bytes, options.shareable);
  if (mapping.data == MAP_FAILED) mapping = map_ordinary(bytes, options);
  if (mapping.data == MAP_FAILED) {
    return Error{ErrorCode::kExhausted, "the system refused " + format_bytes(bytes) + " of memory: " + strerror(errno)};
  }
  std::unique_ptr<MemoryRegion> region(new MemoryRegion());
  region->data_ = static_cast<std::byte*>(mapping.data);
  region->size_ = bytes;
  region->granule_ = options.hold_granule;
  region->page_kind_ = mapping.page_kind;
  region->descriptor_ = mapping.descriptor;
  // Whoever maps it need not fear that it shrinks under him.
  if (mapping.descriptor >= 0) fcntl(mapping.descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  const std::uint64_t granules = (bytes + region->granule_ - 1) / region->granule_;
  region->holds_ = std::make_unique<std::atomic<std::uint16_t>[]>(granules);
  if (options.touch && options.background) {
    untouched_bytes.fetch_add(bytes);
    region->touched_ = false;
    region->touching_ = std::thread([self = region.get()] { self->touch_behind(); });
  } else if (options.touch && !touch_all(region->data_, bytes)) {
    return Error{ErrorCode::kExhausted,
                 "the system has no " + format_bytes(bytes) + " of memory left to back a region"};
  }
  return region;
}

void MemoryRegion::touch_behind() {
  setpriority(PRIO_PROCESS, 0, kBehindNice);  // of this thread: the first requests come before it
  std::uint64_t at = 0;
  for (; at < size_ && !stop_touching_; at += kBehindStripeBytes) {
    const std::uint64_t bytes = std::min(kBehindStripeBytes, size_ - at);
    if (!touch_stripe(data_ + at, bytes)) {
      std::fprintf(stderr,
                   "cairn: the system took back memory that was free at start: %s of a region of %s are missing\n",
                   format_bytes(size_ - at).c_str(), format_bytes(size_).c_str());
      _exit(1);
    }
    untouched_bytes.fetch_sub(bytes);
  }
  if (at < size_) untouched_bytes.fetch_sub(size_ - at);
  touched_ = true;
  touched_.notify_all();
}

std::uint64_t MemoryRegion::untouched_bytes_of_all() { return untouched_bytes.load(); }
void MemoryRegion::wait_until_touched() const { touched_.wait(false); }

MemoryRegion::~MemoryRegion() {
  stop_touching_ = true;
  if (touching_.joinable()) touching_.join();
  CAIRN_CHECK(held_granules_.load() == 0, "a memory region was destroyed while a kernel call may write to it");
  munmap(data_, size_);
  if (descriptor_ >= 0) close(descriptor_);
}

void MemoryRegion::hold(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return;
  CAIRN_CHECK(bytes <= size_ && offset <= size_ - bytes, "a hold lies outside its region");
  for (std::uint64_t i = offset / granule_; i <= (offset + bytes - 1) / granule_; ++i) {
    const std::uint16_t before = holds_[i].fetch_add(1, std::memory_order_acq_rel);
    CAIRN_CHECK(before != UINT16_MAX, "too many holds on one granule");
    if (before == 0) held_granules_.fetch_add(1, std::memory_order_acq_rel);
  }
}

void MemoryRegion::release(std::uint64_t offset, std::uint64_t bytes) {
  if (bytes == 0) return;
  CAIRN_CHECK(bytes <= size_ && offset <= size_ - bytes, "a release lies outside its region");
  for (std::uint64_t i = offset / granule_; i <= (offset + bytes - 1) / granule_; ++i) {
    const std::uint16_t before = holds_[i].fetch_sub(1, std::memory_order_acq_rel);
    CAIRN_CHECK(before != 0, "released memory that was not held");
    if (before == 1) held_granules_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

bool MemoryRegion::held(std::uint64_t offset, std::uint64_t bytes) const {
  if (bytes == 0) return false;
  CAIRN_CHECK(bytes <= size_ && offset <= size_ - bytes, "a range lies outside its region");
  for (std::uint64_t i = offset / granule_; i <= (offset + bytes - 1) / granule_; ++i) {
    if (holds_[i].load(std::memory_order_acquire) != 0) return true;
  }
  return false;
}

}  // namespace cairn
