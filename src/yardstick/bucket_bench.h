// How fast a bucket is as a tier: put, get and lookup with checksums on, beside a bare libcurl loop over objects of the
// same size in the same run. Blocks for seconds to minutes. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "s3/client.h"
#include "telemetry/log.h"
#include "yardstick/tier_load.h"

namespace cairn {

struct BucketBenchOptions {
  S3Config store;  // its region decided; a prefix of its own is made below its prefix, and removed afterwards
  BlockShape shape;
  std::uint64_t data_bytes = std::uint64_t{1} << 28;  // of one round
  std::uint32_t rounds = 5;
  std::uint32_t raw_connections = 4;
};

struct BucketBenchPhase {
  double gb_per_s = 0, low = 0, high = 0, cpu_s_per_gb = 0;  // medians
  double raw_gb_per_s = 0, raw_cpu_s_per_gb = 0;
};

struct BucketBenchReport {
  std::string place;
  std::uint64_t block_bytes = 0, blocks = 0;
  bool tls = true;
  BucketBenchPhase put, get;
  double lookup_batch_us = 0;  // 32 at once, of blocks that a new instance does not know
  std::uint64_t failed_rows = 0;
};

Result<BucketBenchReport> bench_bucket(const BucketBenchOptions& options, const Clock& clock, Log& log,
                                       const std::function<void(const std::string&)>& progress);
std::string to_text(const BucketBenchReport& report);

}  // namespace cairn
