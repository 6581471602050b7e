// Blocks as files in a directory that many processes and machines may share. Nothing but the directory is the truth: a
// reopened store serves at once, a block appears whole or not at all, and whatever is wrong with a file is a miss.
// Any thread. Reads and writes run on the tier's own threads; a call that hangs past its batch's deadline is left
// behind with its memory held, and its thread replaced.
#pragma once

#include <memory>

#include "tier/file_config.h"
#include "tier/file_store.h"
#include "tier/tier.h"

namespace cairn {

struct FileTierReport {
  std::uint64_t quarantined = 0, corrupt = 0, left_alone = 0, refused_capacity = 0, refused_space = 0, denied = 0,
                swept = 0, second_reads = 0, bounced = 0;
  std::uint32_t stuck_threads = 0;
};

class FileTier final : public Tier {
 public:
  static Result<std::unique_ptr<FileTier>> open(const FileTierConfig& config, OpenedStore store,
                                                const FileTierDeps& deps);
  ~FileTier() override;  // drains

  TierTraits traits() const override;
  TierUsage usage() const override;
  void submit(Batch& batch) override;
  void cancel(Batch& batch) override;
  // Refuses new batches, waits drain_ms for those under way and cuts the rest. Threads that hang stay behind: the
  // process should then leave by _exit.
  void drain();

  FileTierReport report() const;
  const MountTraits& mount() const;
  // Returns when a whole accounting scan has ended since open (tests, tools).
  void wait_for_scan();
  void recount();  // looks now for what others stored or removed, and returns when that is counted

 private:
  struct Parts;
  explicit FileTier(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace cairn
