// How fast a directory is as a tier: put, get and lookup through the file tier with checksums on, beside fio on the
// same directory in the same run. Says what direct I/O really did; a read that the page cache served is labelled so.
// Blocks for seconds to minutes. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "telemetry/log.h"
#include "tier/file_config.h"
#include "yardstick/tier_load.h"

namespace cairn {

struct TierBenchOptions {
  FileTierConfig store;                               // path: a directory that the benchmark may write to and clean up
  std::uint64_t data_bytes = std::uint64_t{1} << 30;  // of one round
  BlockShape shape;
  std::uint32_t rounds = 3;
  bool with_fio = true;  // where it is installed

  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    v.field("data_bytes", &TierBenchOptions::data_bytes, "bytes written and read in one round");
    v.field("rounds", &TierBenchOptions::rounds, "the median is reported");
    v.field("with_fio", &TierBenchOptions::with_fio, "measure fio beside it where it is installed");
  }
};

struct TierBenchPhase {
  double gb_per_s = 0;  // median of the rounds
  double low = 0, high = 0;
  double cpu_s_per_gb = 0;                    // of this process
  double fio_gb_per_s = 0;                    // the best of fio's block sizes, median of the rounds; 0: not measured
  std::uint64_t bytes = 0, device_bytes = 0;  // of all rounds; the device's from /proc/self/io
  // "direct", "buffered", or "page cache" when the device moved less than nine tenths of the bytes.
  std::string source;
};

struct TierBenchReport {
  std::string path, file_system, direct_reason, durability;
  bool direct = false;
  std::uint64_t block_bytes = 0, blocks = 0, data_bytes = 0, ram_bytes = 0;
  TierBenchPhase put, get;
  double lookups_per_s = 0, lookup_batch_us = 0;  // batches of 32
  std::uint64_t failed_rows = 0;                  // refused, missing, corrupt: the figures stand for fewer bytes
};

// `progress` gets one line now and then.
Result<TierBenchReport> bench_tier(const TierBenchOptions& options, const Clock& clock, Log& log,
                                   const std::function<void(const std::string&)>& progress);
std::string to_text(const TierBenchReport& report);

}  // namespace cairn
