// Opens the tiers that `serve` was given: RAM first, then each --store URL in order, metered and, where asked for,
// throttled. Decides with the stores what was left open: chunk size and grid.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/serve_options.h"
#include "kv/identity.h"
#include "s3/config.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "tier/tier.h"

namespace cairn {

struct OpenedTiers {
  StoreIdentity identity;  // with the stores' chunk size and grid
  std::vector<std::unique_ptr<Tier>> fastest_first;
  std::vector<std::string> descriptions;  // for people, one a tier
};

struct StoreDeps {
  Clock& clock;
  Metrics& metrics;
  Log& log;
};

// The bucket of an s3:// URL, keys left to their usual sources.
Result<S3Config> parse_bucket(const std::string& text);

// The directory of a file:// URL, or the text itself.
Result<std::string> store_directory(const std::string& text);

// Each is a store URL that open_tiers takes, and no path stands twice. Opens nothing.
Result<void> check_stores(const ServeWords& words);

// Unset, or a store URL beside a RAM tier. Opens nothing.
Result<void> check_warm_from(const ServeWords& words);

// `identity` has defaults where `words` leaves a field open. Blocks. Errors are one line.
Result<OpenedTiers> open_tiers(const ServeWords& words, std::uint64_t ram_bytes, StoreIdentity identity,
                               const std::string& model_name, const StoreDeps& deps);

}  // namespace cairn
