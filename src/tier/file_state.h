// What the parts of the file tier share. Kept alive by every piece of work: a thread that hangs in a kernel call may
// come back after the tier is gone.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "io/file.h"
#include "kv/header.h"
#include "kv/layout.h"
#include "kv/store_path.h"
#include "tier/batch_run.h"
#include "tier/file_accounts.h"
#include "tier/file_config.h"
#include "tier/file_store.h"
#include "tier/per_minute.h"
#include "tier/put_voice.h"

namespace cairn {

enum class Durability : std::uint8_t { kNone, kData, kFull };

struct FileTierCounters {
  std::atomic<std::uint64_t> quarantined{0}, corrupt{0}, left_alone{0}, refused_capacity{0}, refused_space{0},
      denied{0}, swept{0}, second_reads{0}, bounced{0}, abandoned_puts{0};
};

struct FileState {
  FileState(const FileTierConfig& with, OpenedStore store, BlockLayout block_layout, const FileTierDeps& deps);

  FileTierConfig config;
  FileCalls& calls;
  const Clock& clock;
  Log& log;
  OwnedFile root;
  StoreIdentity identity;
  BlockLayout layout;
  StorePath path;
  MountTraits mount;
  Durability durability = Durability::kNone;
  std::uint32_t file_mode = 0600, dir_mode = 0700;
  bool read_only = false;
  FileAccounts accounts;
  FileTierCounters counters;
  std::atomic<std::uint64_t> quarantine_bytes{0};
  std::atomic<bool> denied_said{false};
  std::vector<std::atomic<bool>> ways_synced;  // by shard and fan-out

  // The row's id names a block of this store.
  bool knows(const KvBlockId& id) const {
    return id.shard < layout.cells() && id.chunk.tokens == layout.spec().chunk_tokens;
  }
  BlockHeader header_of(const KvBlockId& id) const { return make_header(path.root(), layout, id); }
  OwnedFile open_directory_of(const KvBlockId& id) const;
  void say_denied(const KvBlockId& id);
  bool way_synced(const KvBlockId& id) const;
  void note_way_synced(const KvBlockId& id);
  // What became of a put, for the log: the first failure and the first success behind it.
  void put_failed(const char* why);
  void put_worked();
  // False: more than the configured number of damaged blocks in the last minute.
  bool may_quarantine();

  // Rows whose memory a kernel call may touch now; a row that is closed meanwhile counts as held.
  void enter_call(BatchRun& run, std::size_t row, std::uint64_t bytes);
  void leave_call(BatchRun& run, std::size_t row);
  std::uint64_t held_bytes() const;

 private:
  struct Call {
    BatchRun* run;
    std::size_t row;
    std::uint64_t bytes;
  };
  mutable Mutex mutex_;
  std::vector<Call> calls_under_way_ CAIRN_GUARDED_BY(mutex_);
  PerMinute quarantines_;
  PutVoice put_voice_;
};

std::uint32_t fan_of(const KvBlockId& id);  // the fan-out directory as a number below 4096

// One row each; they end with run.finish, or find the row cut.
void file_contains(FileState& state, BatchRun& run, std::size_t row);
void file_get(FileState& state, BatchRun& run, std::size_t row);
void file_put(FileState& state, BatchRun& run, std::size_t row);
void file_erase(FileState& state, BatchRun& run, std::size_t row);

// Moves whatever has this block's name out of the way (or removes it when the quarantine is full). The caller has
// found it damaged. False: it could not, or may not.
enum class QuarantineWhen : std::uint8_t { kAlways, kUnlessTooMany };
bool quarantine(FileState& state, const KvBlockId& id, QuarantineWhen when);
// The same with the directory open and its account locked; the amount is what the store lost.
FileAmount quarantine_locked(FileState& state, int directory, const KvBlockId& id, bool& moved);
// One pass over all directories, or over those that changed since the pass before: counts, and removes temporaries
// older than the configured age. `go_on` false ends it.
enum class ScanDepth : std::uint8_t { kAll, kChanged };
struct ScanMemory {
  std::vector<std::int64_t> mtime_us;  // by shard and fan-out, when it was counted last
};
// False: it ended early, or a directory could not be counted.
bool scan_store(FileState& state, ScanDepth depth, ScanMemory& seen,
                const std::function<bool(std::uint32_t directories)>& go_on);

}  // namespace cairn
