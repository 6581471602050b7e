// A tier on a bucket inside the test.
#pragma once

#include "support/fake_bucket.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "tier/s3_tier.h"
#include "tier/tier_world.h"

namespace cairn::test {

inline S3Config bucket_config() {
  S3Config config;
  config.bucket = "bucket";
  config.prefix = "kv";
  config.endpoint = "127.0.0.1:1";
  config.region = "us-east-1";
  config.tls = false;
  config.part_bytes = 1 * kMiB;  // a block of the small store has two ranges
  config.backoff_ms = 1;
  config.access_key_id = "test", config.secret_access_key = "secret";
  return config;
}

inline std::shared_ptr<S3Client> client_of(const std::shared_ptr<FakeBucket>& bucket, const S3Config& config,
                                           const Clock& clock, Metrics& metrics, Log& log = null_log()) {
  auto keeper = std::make_shared<CredentialKeeper>(credential_source(config), clock);
  CAIRN_CHECK(keeper->load(10'000'000).has_value(), "fixed credentials are there");
  return std::make_shared<S3Client>(config, S3Deps{clock, log, metrics, bucket, keeper});
}

struct S3World {
  explicit S3World(S3Config with = bucket_config(), const StoreIdentity& of = small_store())
      : world(24, of), config(std::move(with)) {}
  Result<std::unique_ptr<S3Tier>> open() {
    StoreWish wish;
    wish.identity = world.identity;
    CAIRN_TRY(OpenedBucket store,
              open_bucket(client_of(bucket, config, world.clock, *metrics), wish, world.clock, null_log()));
    rights = store.rights;
    return S3Tier::open(std::move(store), {world.clock, null_log()});
  }
  // The objects that are blocks.
  std::vector<std::string> blocks() const {
    std::vector<std::string> keys;
    for (const auto& [key, bytes] : bucket->objects()) {
      if (key.ends_with(".kv")) keys.push_back(key);
    }
    return keys;
  }

  TierWorld world;
  S3Config config;
  const std::unique_ptr<Metrics> metrics = make_metrics();
  const std::shared_ptr<FakeBucket> bucket = std::make_shared<FakeBucket>();
  BucketRights rights;
};

}  // namespace cairn::test
