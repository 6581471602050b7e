// Putting damage away, counting what is there and sweeping what writers left behind when they died.
#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <limits>
#include <optional>

#include "base/random.h"
#include "tier/file_state.h"
#include "tier/file_usage.h"

namespace cairn {
namespace {

constexpr std::size_t kNamesMax = 1 << 20;  // of one directory
constexpr std::int64_t kNeverSeen = std::numeric_limits<std::int64_t>::min();

std::string fan_name(std::uint32_t fan) {
  char text[8];
  std::snprintf(text, sizeof text, "%03x", fan);
  return text;
}

std::string quarantined_name(const KvBlockId& id) {
  return to_hex(id.chunk.key.digest) + "." + std::to_string(id.shard) + "." + random_hex(8) + ".bad";
}

OwnedFile open_quarantine(FileState& state) {
  const std::string path = state.path.directory() + "/" + std::string(kQuarantineName);
  make_directories(state.calls, state.root.get(), path, state.dir_mode);
  return OwnedFile(state.calls, state.calls.open_beneath(state.root.get(), path.c_str(), O_RDONLY | O_DIRECTORY, 0));
}

// Removes what a writer left behind when it died; a name that young may belong to a live one.
void sweep(FileState& state, int directory, const std::string& name) {
  if (state.read_only || state.config.orphan_age_s == 0) return;
  const std::int64_t too_old_us = state.clock.unix_time_us() - std::int64_t{state.config.orphan_age_s} * 1'000'000;
  FileStat found;
  if (state.calls.stat(directory, name.c_str(), found) < 0 || !found.regular || found.mtime_us > too_old_us) return;
  if (state.calls.unlink(directory, name.c_str()) >= 0) state.counters.swept.fetch_add(1);
}

// Beside the manifest: what openings of the store left that were killed.
void sweep_store_directory(FileState& state) {
  const std::string path = state.path.directory();
  OwnedFile directory(state.calls, state.calls.open_beneath(state.root.get(), path.c_str(), O_RDONLY | O_DIRECTORY, 0));
  std::vector<std::string> names;
  if (!directory.open() || state.calls.list(state.root.get(), path.c_str(), kNamesMax, names) < 0) return;
  for (const std::string& name : names) {
    if (name.starts_with(".probe.") ||
        ((name.starts_with(".manifest.") || name.starts_with(kUsageTemporaryPrefix)) && name.ends_with(".tmp"))) {
      sweep(state, directory.get(), name);
    }
  }
}

bool is_absent(int code) { return code == -ENOENT || code == -ENOTDIR; }

// None: it cannot be read now. A directory that is gone holds nothing.
std::optional<FileAmount> count_directory(FileState& state, const std::string& path) {
  FileAmount amount;
  std::vector<std::string> names;
  OwnedFile directory(state.calls, state.calls.open_beneath(state.root.get(), path.c_str(), O_RDONLY | O_DIRECTORY, 0));
  if (is_absent(directory.get())) return amount;
  if (!directory.open() || state.calls.list(state.root.get(), path.c_str(), kNamesMax, names) < 0) return std::nullopt;
  for (const std::string& name : names) {
    FileStat found;
    if (parse_block_name(name)) {
      if (state.calls.stat(directory.get(), name.c_str(), found) < 0 || !found.regular) continue;
      amount.bytes += static_cast<std::int64_t>(found.bytes);
      amount.blocks += 1;
    } else if (parse_temp_name(name)) {
      sweep(state, directory.get(), name);
    }
  }
  return amount;
}

void count_quarantine(FileState& state) {
  const std::string path = state.path.directory() + "/" + std::string(kQuarantineName);
  OwnedFile directory(state.calls, state.calls.open_beneath(state.root.get(), path.c_str(), O_RDONLY | O_DIRECTORY, 0));
  std::vector<std::string> names;
  if (!directory.open() || state.calls.list(state.root.get(), path.c_str(), kNamesMax, names) < 0) return;
  std::uint64_t bytes = 0;
  for (const std::string& name : names) {
    FileStat found;
    if (state.calls.stat(directory.get(), name.c_str(), found) >= 0 && found.regular) bytes += found.bytes;
  }
  state.quarantine_bytes.store(bytes);
}

}  // namespace

std::uint32_t fan_of(const KvBlockId& id) {
  const auto& bytes = id.chunk.key.digest.bytes;
  return (std::uint32_t{bytes[0]} << 4) | (std::uint32_t{bytes[1]} >> 4);
}

FileAmount quarantine_locked(FileState& state, int directory, const KvBlockId& id, bool& moved) {
  const std::string name = block_name(id.chunk.key);
  FileStat found;
  moved = false;
  if (state.read_only || state.calls.stat(directory, name.c_str(), found) < 0) return {};
  const std::uint64_t bytes = found.regular ? found.bytes : 0;
  int result = -ENOSPC;
  if (state.quarantine_bytes.load() + bytes <= state.config.quarantine_bytes_max) {
    const OwnedFile into = open_quarantine(state);
    if (into.open()) result = state.calls.move(directory, name.c_str(), into.get(), quarantined_name(id).c_str());
    if (result >= 0) state.quarantine_bytes.fetch_add(bytes);
  }
  if (result < 0) result = state.calls.unlink(directory, name.c_str());
  moved = result >= 0;
  if (!moved) return {};
  state.counters.quarantined.fetch_add(1);
  if (!found.regular) return {};
  return {-static_cast<std::int64_t>(bytes), -1};
}

bool quarantine(FileState& state, const KvBlockId& id, QuarantineWhen when) {
  if (state.read_only) return false;
  if (when == QuarantineWhen::kUnlessTooMany && !state.may_quarantine()) return false;
  const OwnedFile directory = state.open_directory_of(id);
  if (!directory.open()) return false;
  bool moved = false;
  state.accounts.change(id.shard, fan_of(id), [&] { return quarantine_locked(state, directory.get(), id, moved); });
  return moved;
}

bool scan_store(FileState& state, ScanDepth depth, ScanMemory& seen, const std::function<bool(std::uint32_t)>& go_on) {
  bool whole = true;
  constexpr std::int64_t kSettledUs = 3'000'000;  // a directory younger than this may change without a new time
  if (depth == ScanDepth::kAll) {
    count_quarantine(state);
    sweep_store_directory(state);
  }
  seen.mtime_us.resize(std::size_t{state.layout.cells()} * FileAccounts::kFanOut, kNeverSeen);
  for (std::uint32_t shard = 0; shard < state.layout.cells(); ++shard) {
    const std::string shard_directory = state.path.shard_directory(shard);
    std::vector<std::string> names;
    const int listed = state.calls.list(state.root.get(), shard_directory.c_str(), kNamesMax, names);
    if (listed < 0 && !is_absent(listed)) {
      whole = false;
      continue;
    }
    // A directory made from now on holds what this process put there, counted already, or waits for the next scan.
    std::vector<bool> present(FileAccounts::kFanOut, false);
    for (const std::string& name : names) {
      if (is_fan_out(name)) present[static_cast<std::size_t>(std::stoul(name, nullptr, 16))] = true;
    }
    for (std::uint32_t fan = 0; fan < FileAccounts::kFanOut; ++fan) {
      if (!present[fan] && !state.accounts.knows_any(shard, fan)) continue;
      if (!go_on(1)) return false;
      const std::string directory = shard_directory + "/" + fan_name(fan);
      std::int64_t& known_us = seen.mtime_us[std::size_t{shard} * FileAccounts::kFanOut + fan];
      FileStat found;
      const bool there = state.calls.stat(state.root.get(), directory.c_str(), found) >= 0;
      if (!go_on(0)) return false;  // a call that hung may come back when nobody is left
      if (depth == ScanDepth::kChanged && there && found.mtime_us == known_us) continue;
      const bool settled = there && found.mtime_us < state.clock.unix_time_us() - kSettledUs;
      known_us = settled ? found.mtime_us : kNeverSeen;
      state.accounts.recount(shard, fan, [&] {
        const auto counted = count_directory(state, directory);
        whole = whole && counted.has_value();
        return counted;
      });
    }
  }
  return whole;
}

}  // namespace cairn
