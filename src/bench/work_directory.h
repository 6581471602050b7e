// The directory of a run of scenarios: the store of the cell that runs, a seed for it per context length, and logs. A
// marker tells that it is ours; nothing that somebody else put there is ever removed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace cairn {

// One that is not empty. kResume: takes up what a run left that ended early.
enum class FoundDirectory : std::uint8_t { kRefuse, kPurge, kResume };

class WorkDirectory {
 public:
  // Changes nothing. kInvalid, one line: it is not empty (kRefuse), holds what is not ours (kPurge), or no run that
  // could go on (kResume).
  static Result<void> check(const std::filesystem::path& path, FoundDirectory found);
  // Makes it, after check(), and what was ours in it is gone; of a run that goes on, plan, cells and logs stay. Nobody
  // else can open it while this, or a copy, lives.
  static Result<WorkDirectory> open(const std::filesystem::path& path, FoundDirectory found);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path store() const { return path_ / "store"; }
  std::filesystem::path seed(std::uint32_t context_words) const {
    return path_ / "seed" / std::to_string(context_words);
  }
  std::filesystem::path logs() const { return path_ / "logs"; }
  std::filesystem::path plan() const { return path_ / "plan.yaml"; }  // what the run does, as it was decided
  std::filesystem::path cells() const { return path_ / "cells"; }     // cell_journal.h

  Result<void> make_seed(std::uint32_t context_words) const;  // empty
  Result<void> empty_store() const;
  // Empties the store and puts a seed's files into it: blocks as hard links where the file system can, since nobody
  // ever writes into one, everything else as copies. A seed that is not there fills nothing. A bucket's server serves
  // a folder of the store.
  Result<void> fill_store(std::uint32_t context_words, bool in_bucket) const;
  std::filesystem::path bucket() const { return store() / "cairn"; }
  void remove_stores() const;  // the store and the seeds
  void finish() const;         // the run is whole: it does not go on
  // At the end, unless somebody wants to read the logs: all of ours, and the directory if we made it.
  void remove_all() const;

 private:
  WorkDirectory(std::filesystem::path path, bool made, std::shared_ptr<const int> lock)
      : path_(std::move(path)), made_(made), lock_(std::move(lock)) {}
  std::filesystem::path path_;  // absolute
  bool made_ = false;
  std::shared_ptr<const int> lock_;  // of the marker: nobody else runs here
};

// Bytes of all files below.
std::uint64_t bytes_below(const std::filesystem::path& path);

}  // namespace cairn
