// Inside the S3 tier: what its rows share. Rows run on the transport's thread, but for the digests of what is put.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "kv/header.h"
#include "kv/layout.h"
#include "kv/store_path.h"
#include "s3/client.h"
#include "tier/batch_run.h"
#include "tier/known_keys.h"
#include "tier/per_minute.h"
#include "tier/put_voice.h"
#include "tier/s3_store.h"
#include "tier/s3_tier.h"

namespace cairn {

struct S3TierCounters {
  std::atomic<std::uint64_t> corrupt{0}, erased{0}, left_alone{0}, refused_capacity{0}, denied{0}, second_reads{0},
      abandoned_puts{0};
};

struct S3State {
  S3State(OpenedBucket store, BlockLayout block_layout, Executor& digest_threads, const S3TierDeps& deps);

  const std::shared_ptr<S3Client> client;
  const Clock& clock;
  Log& log;
  const StoreIdentity identity;
  const BlockLayout layout;
  const StorePath path;
  const BucketRights rights;
  static constexpr std::int64_t kFreshUs = 10 * 60'000'000ll;  // of what is known to be present
  KnownKeys present, damaged;
  S3TierCounters counters;
  std::atomic<std::uint64_t> used_bytes{0}, blocks{0}, inflight_bytes{0};
  Executor& digests;

  bool knows(const KvBlockId& id) const {
    return id.shard < layout.cells() && id.chunk.tokens == layout.spec().chunk_tokens;
  }
  BlockHeader header_of(const KvBlockId& id) const { return make_header(path.root(), layout, id); }
  // What a refusal of rights means for a reader: without the right to list, absent keys are denied.
  MissReason reason_of_denial() const { return rights.list ? MissReason::kDenied : MissReason::kAbsent; }
  void say_denied(const S3Answer& answer);
  void put_failed(const std::string& why);
  void put_worked();
  bool may_erase();  // false: no right, or too many in the last minute

  void forget_bytes(std::uint64_t bytes);  // of one block that was removed
  // Runs `work` on a thread for digests; false: too much waits there already.
  bool prepare(std::function<void()> work);
  S3Request request(S3Op op, const KvBlockId& id) const;  // of the block's object
  // Sends a row's request, which starts the row; a cut of its batch cancels it.
  void submit(const std::shared_ptr<BatchRun>& run, std::size_t row, S3Request request);
  // Ends a row that the service, or the way to it, failed.
  void fail(BatchRun& run, std::size_t row, const S3Answer& answer) const;

 private:
  PerMinute erases_;
  PutVoice put_voice_;
  std::atomic<bool> denied_said_{false};
};

// One row each; they end with run.finish, or find the row cut.
void s3_contains(const std::shared_ptr<S3State>& state, const std::shared_ptr<BatchRun>& run, std::size_t row);
void s3_get(const std::shared_ptr<S3State>& state, const std::shared_ptr<BatchRun>& run, std::size_t row);
void s3_put(const std::shared_ptr<S3State>& state, const std::shared_ptr<BatchRun>& run, std::size_t row);
void s3_erase(const std::shared_ptr<S3State>& state, const std::shared_ptr<BatchRun>& run, std::size_t row);

}  // namespace cairn
