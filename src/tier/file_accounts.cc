#include "tier/file_accounts.h"

#include <algorithm>

namespace cairn {

void FileAccounts::change(std::uint32_t shard, std::uint32_t fan, const std::function<FileAmount()>& change) {
  MutexLock lock(lock_of(fan));
  const FileAmount by = change();
  FileAmount& known = known_[std::size_t{shard} * kFanOut + fan];
  known.bytes += by.bytes;
  known.blocks += by.blocks;
  used_.fetch_add(by.bytes);
  blocks_.fetch_add(by.blocks);
  own_.fetch_add(by.bytes);
}

void FileAccounts::recount(std::uint32_t shard, std::uint32_t fan,
                           const std::function<std::optional<FileAmount>()>& count) {
  MutexLock lock(lock_of(fan));
  const std::optional<FileAmount> counted = count();
  if (!counted) return;
  const FileAmount now = *counted;
  FileAmount& known = known_[std::size_t{shard} * kFanOut + fan];
  used_.fetch_add(now.bytes - known.bytes);
  blocks_.fetch_add(now.blocks - known.blocks);
  known = now;
}

bool FileAccounts::knows_any(std::uint32_t shard, std::uint32_t fan) {
  MutexLock lock(lock_of(fan));
  const FileAmount& known = known_[std::size_t{shard} * kFanOut + fan];
  return known.bytes != 0 || known.blocks != 0;
}

void FileAccounts::assume(std::optional<std::uint64_t> bytes) {
  own_.store(0);
  assumed_.store(bytes ? static_cast<std::int64_t>(*bytes) : kUnknown);
}

std::int64_t FileAccounts::held_bytes() const {
  const std::int64_t assumed = assumed_.load();
  return assumed < 0 ? used_.load() : std::max(used_.load(), assumed + own_.load());
}

bool FileAccounts::reserve(std::uint64_t bytes, std::uint64_t capacity_bytes) {
  if (capacity_bytes != 0 && !total_known()) return false;
  const auto wanted = static_cast<std::int64_t>(bytes);
  const std::int64_t reserved = reserved_.fetch_add(wanted) + wanted;
  if (capacity_bytes == 0 || held_bytes() + reserved <= static_cast<std::int64_t>(capacity_bytes)) return true;
  reserved_.fetch_sub(wanted);
  return false;
}

std::uint64_t FileAccounts::used_bytes() const {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(held_bytes(), 0));
}
std::uint64_t FileAccounts::blocks() const {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(blocks_.load(), 0));
}

}  // namespace cairn
