// A tier on a bucket inside the test.
#pragma once

#include <gtest/gtest.h>

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

// A tier open on it, with the bytes of block 0 in slot 0.
class S3TierTest : public testing::Test {
 protected:
  void open(S3Config config = bucket_config()) {
    s3.config = std::move(config);
    auto opened = s3.open();
    ASSERT_TRUE(opened) << opened.error().detail;
    tier = std::move(*opened);
    s3.world.fill(0, 1);
  }
  Outcome put(std::uint32_t n = 0) { return run(*tier, Verb::kPut, s3.world.id(n), s3.world.pages(0)); }
  BlockSlot get() {
    s3.world.wipe(1);
    return run_one(*tier, Verb::kGet, s3.world.id(0), s3.world.pages(1));
  }
  bool served() { return get().outcome == Outcome::kDone && s3.world.filled_with(1, 1); }

  S3World s3;
  std::unique_ptr<S3Tier> tier;
};

class InlineExecutor final : public Executor {
 public:
  bool submit(Task& task) override {
    task.run();
    return true;
  }
  std::uint32_t queued() const override { return 0; }
  std::uint32_t stuck() const override { return 0; }
  bool abandon_thread_of(Task&) override { return false; }
};

// A tier on a bucket in virtual time: one thread, no waiting, the same every time.
struct S3VirtualWorld {
  explicit S3VirtualWorld(S3Config with, const StoreIdentity& of = tiny_store())
      : world(24, of), config(std::move(with)) {}
  ~S3VirtualWorld() { close(); }
  // With all rights.
  void open() {
    close();
    OpenedBucket store;
    store.identity = world.identity;
    store.client = client_of(bucket, config, clock, *metrics);
    store.rights = {.list = true, .put = true, .erase = true, .publish_once = true};
    tier = S3Tier::open(std::move(store), {clock, null_log(), &digests}).value();
  }
  void close() {
    bucket->script({});
    while (bucket->pump() || bucket->next_us() != Deadline::never().at_us) step();
    tier.reset();
  }
  // To the next moment at which something is due.
  void step() {
    if (bucket->pump()) return;
    const std::int64_t next_us = bucket->next_us();
    if (next_us != Deadline::never().at_us) clock.advance_us(std::max<std::int64_t>(next_us - clock.now_us(), 1));
  }
  // One row of one batch, until it is back.
  BlockSlot act(Verb verb, const KvBlockId& id, std::vector<MemoryRef> memory, std::int64_t time_us) {
    CompletionQueue queue;
    const Deadline deadline = clock.after_us(time_us);
    Work work(queue, verb, deadline);
    work.add(id, std::move(memory));
    work.submit(*tier);
    while (queue.poll() == nullptr) {
      CAIRN_CHECK(bucket->next_us() <= deadline.at_us + 1'000'000 || bucket->next_us() <= clock.now_us(),
                  "a batch did not come back");
      step();
    }
    // The tier's own watcher of deadlines is a thread in real time: here the requests alone keep it, to some answers.
    EXPECT_LE(clock.now_us(), deadline.at_us + 10'000) << "a batch came back after its deadline";
    return work.slots[0];
  }

  TierWorld world;
  VirtualClock clock;
  S3Config config;
  InlineExecutor digests;
  const std::unique_ptr<Metrics> metrics = make_metrics();
  const std::shared_ptr<FakeBucket> bucket = std::make_shared<FakeBucket>(clock, 2000, 1);
  std::unique_ptr<S3Tier> tier;
};

}  // namespace cairn::test
