// Zeroed memory for kernels: 64-byte aligned, on huge pages where the system allows. Move-only owner; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace cairn {

// The system maps no such region. Thrown while a forward or a measurement is made, and caught there.
struct KernelMemoryExhausted : std::bad_alloc {
  explicit KernelMemoryExhausted(std::size_t wanted) : bytes(wanted) {}
  const char* what() const noexcept override { return "out of memory for kernels"; }
  std::size_t bytes;
};

class KernelMemory {
 public:
  KernelMemory() = default;
  explicit KernelMemory(std::size_t bytes);  // throws KernelMemoryExhausted
  KernelMemory(KernelMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  KernelMemory& operator=(KernelMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~KernelMemory();

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// An array of T in such memory, all zero at first.
template <class T>
class KernelArray {
 public:
  KernelArray() = default;
  explicit KernelArray(std::size_t count) : memory_(count * sizeof(T)), count_(count) {}
  T* data() const { return reinterpret_cast<T*>(memory_.data()); }
  std::size_t size() const { return count_; }

 private:
  KernelMemory memory_;
  std::size_t count_ = 0;
};

// Hands out pieces of large blocks, so that many matrices share huge pages. Everything is freed with the arena.
class KernelArena {
 public:
  static constexpr std::size_t kBlockBytes = 64ull << 20;
  std::byte* take(std::size_t bytes);  // zeroed, 64-byte aligned

 private:
  std::vector<KernelMemory> blocks_;
  std::size_t used_ = 0;  // of the last block
};

}  // namespace cairn
