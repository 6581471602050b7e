// A store in a directory of its own, opened and reopened by a test.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kv/store_path.h"
#include "support/temporary_directory.h"
#include "telemetry/log.h"
#include "tier/file_tier.h"
#include "tier/tier_world.h"

namespace cairn::test {

class RecordingLog final : public Log {
 public:
  void write(LogLevel, std::string_view event, LogFields fields) override {
    MutexLock lock(mutex_);
    std::string line(event);
    for (const LogField& field : fields) line += " " + field.name + "=" + field.value;
    lines_.push_back(std::move(line));
  }
  bool enabled(LogLevel) const override { return true; }
  std::size_t count(const std::string& text) {
    MutexLock lock(mutex_);
    std::size_t found = 0;
    for (const std::string& line : lines_) found += line.find(text) != std::string::npos ? 1 : 0;
    return found;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> lines_;
};

class FileWorld : public TierWorld {
 public:
  explicit FileWorld(const StoreIdentity& of = small_store(), const std::string& under = CAIRN_BINARY_DIR)
      : TierWorld(24, of), directory(under) {
    config.path = directory.path();
    wish.identity = identity;
  }
  FileTierDeps deps() { return {clock, log, calls}; }
  Result<std::unique_ptr<FileTier>> try_open() {
    CAIRN_TRY(OpenedStore store, open_store(config, wish, deps()));
    return FileTier::open(config, std::move(store), deps());
  }
  std::unique_ptr<FileTier> open() {
    auto tier = try_open();
    CAIRN_CHECK(tier.has_value(), tier.has_value() ? "" : tier.error().detail.c_str());
    return std::move(*tier);
  }
  StorePath store_path() const { return StorePath(identity, layout); }
  std::string file_of(const KvBlockId& block) const { return config.path + "/" + store_path().block(block); }
  Outcome put(Tier& tier, std::uint32_t n, std::uint32_t slot = 0) {
    fill(slot, n + 1);
    return run(tier, Verb::kPut, id(n), pages(slot));
  }
  // kDone with wrong bytes ends the test program: it must never happen.
  BlockSlot get(Tier& tier, std::uint32_t n, std::uint32_t slot = 1) {
    wipe(slot);
    const BlockSlot row = run_one(tier, Verb::kGet, id(n), pages(slot));
    CAIRN_CHECK(row.outcome != Outcome::kDone || filled_with(slot, n + 1), "a get yielded wrong bytes");
    return row;
  }
  // Names and sizes of all files beneath the store, by extension.
  std::map<std::string, std::uint64_t> files(const std::string& extension) const {
    std::map<std::string, std::uint64_t> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(config.path)) {
      if (entry.path().extension() == extension && entry.is_regular_file() && !entry.is_symlink()) {
        found[entry.path()] = entry.file_size();
      }
    }
    return found;
  }
  std::uint64_t bytes_of_blocks() const {
    std::uint64_t sum = 0;
    for (const auto& [name, bytes] : files(".kv")) sum += bytes;
    return sum;
  }

  TemporaryDirectory directory;
  FileTierConfig config;
  StoreWish wish;
  RecordingLog log;
  FileCalls* calls = nullptr;
};

}  // namespace cairn::test
