#include "contract/subjects.h"

#include "support/temporary_directory.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "tier/faulty.h"
#include "tier/file_tier.h"
#include "tier/metered.h"
#include "tier/ram_tier.h"
#include "tier/s3_world.h"
#include "tier/staged.h"
#include "tier/throttled.h"

namespace cairn::test {
namespace {

std::unique_ptr<Tier> make_ram(TierWorld& world, std::uint32_t blocks) {
  RamTierConfig config;
  config.capacity_bytes = world.block_bytes * blocks;
  auto tier = RamTier::open(config, world.block_bytes, {world.clock, null_log()});
  CAIRN_CHECK(tier.has_value(), "a RAM tier must open");
  return std::move(*tier);
}

// Owns the directory that the tier lies in.
class FileTierInDirectory final : public Tier {
 public:
  FileTierInDirectory(TierWorld& world, std::uint32_t blocks, const std::string& direct) {
    FileTierConfig config;
    config.path = directory_.path();
    config.direct = direct;
    config.capacity_bytes = (world.block_bytes + 4096) * blocks;
    const FileTierDeps deps{world.clock, null_log(), nullptr};
    StoreWish wish;
    wish.identity = world.identity;
    auto store = open_store(config, wish, deps);
    CAIRN_CHECK(store.has_value(), "a new store must open");
    auto tier = FileTier::open(config, std::move(*store), deps);
    CAIRN_CHECK(tier.has_value(), "a file tier must open");
    tier_ = std::move(*tier);
  }
  TierTraits traits() const override { return tier_->traits(); }
  TierUsage usage() const override { return tier_->usage(); }
  void submit(Batch& batch) override { tier_->submit(batch); }
  void cancel(Batch& batch) override { tier_->cancel(batch); }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<FileTier> tier_;
};

// Owns the bucket that the tier lies in.
class S3TierInBucket final : public Tier {
 public:
  S3TierInBucket(TierWorld& world, std::uint32_t blocks) {
    S3Config config = bucket_config();
    config.capacity_bytes = (world.block_bytes + 4096) * blocks;
    StoreWish wish;
    wish.identity = world.identity;
    auto store = open_bucket(client_of(bucket_, config, world.clock, *metrics_), wish, world.clock, null_log());
    CAIRN_CHECK(store.has_value(), "a new bucket must open");
    auto tier = S3Tier::open(std::move(*store), {world.clock, null_log()});
    CAIRN_CHECK(tier.has_value(), "an s3 tier must open");
    tier_ = std::move(*tier);
  }
  TierTraits traits() const override { return tier_->traits(); }
  TierUsage usage() const override { return tier_->usage(); }
  void submit(Batch& batch) override { tier_->submit(batch); }
  void cancel(Batch& batch) override { tier_->cancel(batch); }

 private:
  const std::unique_ptr<Metrics> metrics_ = make_metrics();
  const std::shared_ptr<FakeBucket> bucket_ = std::make_shared<FakeBucket>();
  std::unique_ptr<S3Tier> tier_;
};

std::unique_ptr<Tier> make_s3(TierWorld& world, std::uint32_t blocks) {
  return std::make_unique<S3TierInBucket>(world, blocks);
}
std::unique_ptr<Tier> make_file(TierWorld& world, std::uint32_t blocks) {
  return std::make_unique<FileTierInDirectory>(world, blocks, "auto");
}
std::unique_ptr<Tier> make_file_buffered(TierWorld& world, std::uint32_t blocks) {
  return std::make_unique<FileTierInDirectory>(world, blocks, "never");
}

std::unique_ptr<Tier> wrap_metered(TierWorld& world, std::unique_ptr<Tier> inner) {
  static const std::unique_ptr<Metrics> metrics = make_metrics();
  return std::make_unique<MeteredTier>(std::move(inner), world.clock, *metrics);
}
std::unique_ptr<Tier> wrap_throttled(TierWorld& world, std::unique_ptr<Tier> inner) {
  ThrottledConfig config;
  config.read_bytes_per_s = config.write_bytes_per_s = 2'000'000'000;
  config.latency_us = 200;
  return std::make_unique<ThrottledTier>(std::move(inner), config, world.clock);
}
// Delays at random: all rows come back, in another order.
std::unique_ptr<Tier> wrap_faulty(TierWorld& world, std::unique_ptr<Tier> inner) {
  FaultyConfig config;
  config.delay = 0.5;
  config.delay_us = 300;
  return std::make_unique<FaultyTier>(std::move(inner), config, world.clock);
}
std::unique_ptr<Tier> wrap_staged(TierWorld& world, std::unique_ptr<Tier> inner) {
  auto tier = StagedTier::open(std::move(inner), {.staging_blocks = 2}, world.block_bytes, world.clock);
  CAIRN_CHECK(tier.has_value(), "a staging wrapper must open");
  return std::move(*tier);
}

}  // namespace

std::vector<Subject> subjects() {
  const std::vector<Subject> bases = {
      {"ram", make_ram}, {"file", make_file}, {"file_buffered", make_file_buffered}, {"s3", make_s3}};
  using Wrap = std::unique_ptr<Tier> (*)(TierWorld&, std::unique_ptr<Tier>);
  const std::vector<std::pair<std::string, Wrap>> wraps = {
      {"metered", wrap_metered}, {"throttled", wrap_throttled}, {"faulty", wrap_faulty}, {"staged", wrap_staged}};
  std::vector<Subject> all = bases;
  for (const Subject& base : bases) {
    for (const auto& [name, wrap] : wraps) {
      all.push_back({name + "_" + base.name, [base, around = wrap](TierWorld& world, std::uint32_t blocks) {
                       return around(world, base.make(world, blocks));
                     }});
    }
  }
  return all;
}

}  // namespace cairn::test
