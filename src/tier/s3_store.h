// Opening a bucket as a store of one identity: finds out one by one what we may do there, takes what the user left open
// (chunk size, grid) from the manifests, publishes ours. Each missing right is one line that says what it costs.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "kv/identity.h"
#include "s3/client.h"
#include "tier/store_wish.h"

namespace cairn {

struct BucketRights {
  bool list = true;  // false: an absent key is denied too
  bool put = true, erase = true;
  bool publish_once = false;  // If-None-Match: * is honoured
};

struct OpenedBucket {
  StoreIdentity identity;  // what the store holds: use this one from now on
  std::shared_ptr<S3Client> client;
  BucketRights rights;
  std::uint64_t used_bytes = 0, blocks = 0;  // counted only when the capacity is bounded
  bool adopted = false, created = false;
};

// Blocks; call at start. kInvalid: configuration, or the bucket belongs to another identity. kUnavailable, kRefused:
// one line says what is wrong and what would be right (no bucket, wrong region, clock, keys, certificate, no route).
Result<OpenedBucket> open_bucket(std::shared_ptr<S3Client> client, const StoreWish& wish, const Clock& clock, Log& log);

// The body of a request; without TLS its signature covers it.
void set_text(S3Request& request, std::string text, const S3Config& config);

}  // namespace cairn
