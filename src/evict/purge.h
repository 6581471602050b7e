// Removes what a user says from a store: all of it, what is old, one model's, or what writers left behind. Only files
// whose names are ours; instances that use the store see misses.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "evict/store_files.h"

namespace cairn {

struct PurgeOptions {
  bool all = false;
  double older_than_hours = 0;  // 0: not by age
  bool leftovers = false;
  std::string model_name;  // as the manifests name it; empty: all
  bool dry_run = false;
  Result<void> validate() const;
  Result<void> names_something() const;  // an error asks for a word: nothing goes by default
  template <class V>
  static void describe(V& v) {
    v.field("all", &PurgeOptions::all, "every block, and leftovers; manifests stay, for instances that serve");
    v.field("older_than_hours", &PurgeOptions::older_than_hours, "blocks that were written longer ago; 0: not by age");
    v.field("leftovers", &PurgeOptions::leftovers,
            "what writers left a day ago or longer: temporary files, damaged blocks set aside, unfinished uploads");
    v.field("model_name", &PurgeOptions::model_name,
            "only stores of the model that their manifest names so; empty: all");
    v.field("dry_run", &PurgeOptions::dry_run, "say what would go, remove nothing");
  }
};

struct PurgeReport {
  std::uint64_t blocks = 0, block_bytes = 0;  // removed, or chosen in a dry run
  std::uint64_t others = 0, other_bytes = 0;  // manifests, leftovers
  std::uint64_t uploads = 0;
  std::uint64_t kept_blocks = 0, kept_bytes = 0, strangers = 0;
  std::uint64_t refused = 0;  // chosen, and could not be removed: they are among the kept
  StoreFiles::Refused first_refused;
  bool ended_early = false;  // the store answers removals no more: the rest was not looked at
  bool dry_run = false;
};

// Blocks; `progress` now and then: files looked at, and removed. What cannot be removed is counted, and the rest goes.
// An error: the store could not be listed to its end; what was removed before is gone.
Result<PurgeReport> purge_store(StoreFiles& files, const PurgeOptions& options, const Clock& clock,
                                const std::function<void(std::uint64_t, std::uint64_t)>& progress);
std::string to_text(const PurgeReport& report);

}  // namespace cairn
