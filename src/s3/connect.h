// A client of a bucket with everything behind it: keys, connections. Blocks until the first keys are there.
#pragma once

#include <memory>

#include "s3/client.h"

namespace cairn {

// `config`: validated, its region decided. kRefused, kTimeout: no keys; kUnavailable: libcurl cannot be used. Nothing
// is asked of the bucket yet.
Result<std::shared_ptr<S3Client>> connect_bucket(const S3Config& config, const Clock& clock, Log& log,
                                                 Metrics& metrics);

}  // namespace cairn
