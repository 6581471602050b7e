// Options of the file tier. A store URL's query keys are these fields.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "telemetry/log.h"

namespace cairn {

class FileCalls;

struct FileTierConfig {
  std::string path;
  std::string durability = "none";  // none | data | full
  std::string direct = "auto";      // auto | always | never
  std::uint32_t io_threads = 4;
  std::uint32_t lookup_threads = 32;
  std::uint32_t queue_max = 4096;
  std::uint32_t stuck_threads_max = 8;
  std::string file_mode = "0600";  // octal
  std::string dir_mode = "0700";
  std::uint64_t capacity_bytes = 0;
  std::uint64_t quarantine_bytes_max = std::uint64_t{1} << 30;
  std::uint32_t quarantines_per_minute_max = 16;
  std::uint32_t orphan_age_s = 3600;
  std::uint32_t scan_directories_per_s = 2000;
  std::uint32_t rescan_s = 600;
  std::uint32_t recheck_s = 30;
  std::uint32_t drain_ms = 5000;

  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    v.field("path", &FileTierConfig::path, "directory of the store");
    v.field("durability", &FileTierConfig::durability, "none, data (fdatasync) or full (fsync of file and directory)");
    v.field("direct", &FileTierConfig::direct, "auto, always or never pass the page cache by");
    v.field("io_threads", &FileTierConfig::io_threads, "reads at a time, and as many writes");
    v.field("lookup_threads", &FileTierConfig::lookup_threads, "stats at a time");
    v.field("queue_max", &FileTierConfig::queue_max, "waiting pieces of work; beyond it batches are refused as busy");
    v.field("stuck_threads_max", &FileTierConfig::stuck_threads_max,
            "threads written off while they hang in reads, writes or lookups");
    v.field("file_mode", &FileTierConfig::file_mode, "permissions of block files, octal");
    v.field("dir_mode", &FileTierConfig::dir_mode, "permissions of directories, octal");
    v.field("capacity_bytes", &FileTierConfig::capacity_bytes, "stop storing beyond; 0: no limit");
    v.field("quarantine_bytes_max", &FileTierConfig::quarantine_bytes_max, "damaged blocks kept for inspection");
    v.field("quarantines_per_minute_max", &FileTierConfig::quarantines_per_minute_max,
            "beyond it damaged blocks stay where they are and errors are reported: the fault may be ours");
    v.field("orphan_age_s", &FileTierConfig::orphan_age_s, "age at which temporary files are swept; 0: never");
    v.field("scan_directories_per_s", &FileTierConfig::scan_directories_per_s, "speed of the accounting scan");
    v.field("rescan_s", &FileTierConfig::rescan_s, "seconds between accounting scans; 0: only at open");
    v.field("recheck_s", &FileTierConfig::recheck_s,
            "seconds between looks for directories that other processes changed; 0: only at rescans");
    v.field("drain_ms", &FileTierConfig::drain_ms, "patience with batches under way at stop");
  }
};

// "0640" -> 0640; kInvalid otherwise.
Result<std::uint32_t> parse_mode(const std::string& text);

struct FileTierDeps {
  const Clock& clock;
  Log& log;
  FileCalls* calls = nullptr;  // null: the system's
};

}  // namespace cairn
