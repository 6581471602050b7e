// Blocks as objects in a bucket that many instances share: the bytes and names of the file tier. Nothing but the bucket
// is the truth; an object appears whole or not at all, and whatever is wrong with one is a miss. Any thread. Transfers
// run on one thread of the transport; bytes reach the caller's memory by a copy there, so a deadline frees it at once.
#pragma once

#include <memory>

#include "base/clock.h"
#include "io/executor.h"
#include "tier/s3_store.h"
#include "tier/tier.h"

namespace cairn {

struct S3TierReport {
  std::uint64_t corrupt = 0, erased = 0, left_alone = 0, refused_capacity = 0, denied = 0, second_reads = 0,
                abandoned_puts = 0;
};

struct S3TierDeps {
  const Clock& clock;
  Log& log;
  Executor* digests = nullptr;  // where digests of what is put are computed; null: threads of its own
};

class S3Tier final : public Tier {
 public:
  static Result<std::unique_ptr<S3Tier>> open(OpenedBucket store, const S3TierDeps& deps);
  ~S3Tier() override;  // drains

  TierTraits traits() const override;
  TierUsage usage() const override;
  void submit(Batch& batch) override;
  void cancel(Batch& batch) override;
  void drain();

  S3TierReport report() const;

 private:
  struct Parts;
  explicit S3Tier(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace cairn
