// What a store holds, counted: own puts and erases exactly and at once, everything else by a scan that compares each
// fan-out directory with what was counted for it. A directory's lock orders publishing, erasing and counting.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"

namespace cairn {

struct FileAmount {
  std::int64_t bytes = 0, blocks = 0;
};

class FileAccounts {
 public:
  static constexpr std::uint32_t kFanOut = 4096;
  explicit FileAccounts(std::uint32_t shards) : shards_(shards), known_(std::size_t{shards} * kFanOut) {}

  std::uint32_t shards() const { return shards_; }
  // Runs `change` with the directory locked; what it returns is added.
  void change(std::uint32_t shard, std::uint32_t fan, const std::function<FileAmount()>& change);
  // Runs `count` with the directory locked; what it returns is what the directory holds now. None: it cannot be told,
  // and what was known stays.
  void recount(std::uint32_t shard, std::uint32_t fan, const std::function<std::optional<FileAmount>()>& count);
  bool knows_any(std::uint32_t shard, std::uint32_t fan);  // something was counted for this directory

  // Until counted() the store may hold more than was found so far: `bytes`, and what was put since; or nobody knows,
  // and then a capacity takes nothing.
  void assume(std::optional<std::uint64_t> bytes);
  void counted() { assumed_.store(kCounted); }
  bool total_known() const { return assumed_.load() != kUnknown; }
  bool is_counted() const { return assumed_.load() == kCounted; }

  // Bytes of a put under way: false when used, reserved and these together exceed the capacity (0: no limit).
  bool reserve(std::uint64_t bytes, std::uint64_t capacity_bytes);
  void release(std::uint64_t bytes) { reserved_.fetch_sub(static_cast<std::int64_t>(bytes)); }

  std::uint64_t used_bytes() const;
  std::uint64_t blocks() const;
  std::uint64_t reserved_bytes() const { return static_cast<std::uint64_t>(reserved_.load()); }

 private:
  static constexpr std::size_t kStripes = 64;
  static constexpr std::int64_t kCounted = -1, kUnknown = -2;
  std::int64_t held_bytes() const;
  Mutex& lock_of(std::uint32_t fan) { return stripes_[fan % kStripes]; }

  std::uint32_t shards_;
  std::vector<FileAmount> known_;  // entry (shard, fan) belongs to its stripe's lock
  std::array<Mutex, kStripes> stripes_;
  std::atomic<std::int64_t> used_{0}, blocks_{0}, reserved_{0};
  std::atomic<std::int64_t> assumed_{kCounted}, own_{0};  // own: put and erased since assume()
};

}  // namespace cairn
