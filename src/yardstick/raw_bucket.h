// The yardstick of a bucket: a bare libcurl loop that moves objects and does nothing else with them, with the same
// signatures. Blocks. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "s3/address.h"
#include "s3/config.h"
#include "s3/credentials.h"
#include "yardstick/tier_load.h"

namespace cairn {

struct RawBucket {
  S3Config config;  // its region decided
  Credentials credentials;
  std::uint32_t connections = 4;
};
// Objects of `memory`'s size, each with other first bytes. failed_rows: answers other than 200, or of another length.
LoadFigures raw_put(const RawBucket& bucket, const std::vector<std::string>& keys, std::span<const std::byte> memory,
                    const Clock& clock);
LoadFigures raw_get(const RawBucket& bucket, const std::vector<std::string>& keys, std::uint64_t object_bytes,
                    const Clock& clock);

}  // namespace cairn
