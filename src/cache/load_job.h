// One load under way; load.cc has its decisions, load_share.cc what concerns other loads and the near tier.
#pragma once

#include <cstdint>
#include <vector>

#include "cache/state.h"

namespace cairn {

class LoadJob final : public Job {
 public:
  LoadJob(CacheState& state, Load& op);
  ~LoadJob() override;

  void returned(Work& work) override;
  Deadline step(std::int64_t now_us) override;
  void cancel(Error error) override;

  // What the load of another request did for a chunk that this one waits for. `near`: it lies in that tier now;
  // `from`: else its verified bytes, still owned by the other load; empty: nothing, load it yourself.
  void offered(std::size_t chunk, std::size_t near, std::size_t source, std::span<const Scatter> from);

 private:
  enum class Phase : std::uint8_t { kOpen, kWaiting, kReading, kPromoting, kFilled };
  struct Chunk {
    Phase phase = Phase::kOpen;
    TierMask left = 0;  // tiers still to try
    std::uint8_t tier = 0;
    bool claimed = false;
    MissReason reason = MissReason::kAbsent;  // of the last try
  };

  // load.cc
  void issue();
  bool issue_run(std::size_t first);
  void read_returned(Work& work);
  void end_at(std::size_t chunk, MissReason reason);  // nothing from this chunk on is wanted any more
  void close(MissReason reason);  // no more reading: what is verified when the batches are back is kept
  void leave();                   // goes without what is still out
  void give_up_promotions();
  void check_stalls();
  Deadline watch_works();
  void check_slower();
  double remaining_us(std::size_t first) const;
  std::size_t filled() const;
  void finish();
  const ChunkId& id(std::size_t chunk) const { return lease_->chunks[op_.first_chunk + chunk]; }
  std::span<const Scatter> memory(std::size_t chunk) const {
    return op_.into.subspan(chunk * state_.shards.size(), state_.shards.size());
  }

  // load_share.cc
  bool claim(std::size_t chunk);  // false: another load brings it, and this one waits
  void settle_claim(std::size_t chunk, std::size_t near, bool filled);
  void leave_claims();
  void promote(const Work& work);
  enum class End : std::uint8_t { kBack, kGivenUp };  // given up: its rows still belong to the tier
  void promotion_ended(const Work& work, End end);

  CacheState& state_;
  Load& op_;
  std::shared_ptr<LeaseState> lease_;
  std::int64_t began_us_;
  std::vector<Chunk> chunks_;
  std::size_t end_;  // chunks from here on are given up
  MissReason end_reason_ = MissReason::kNone;
  bool closing_ = false;
  Result<void> result_;
  std::int64_t leave_us_ = 0;  // when to go without batches that do not come back
  std::uint32_t reads_ = 0;
  std::array<std::int64_t, ChunkTally::kTiersMax> first_start_us_{};  // by tier: when reading began
  std::array<std::uint64_t, ChunkTally::kTiersMax> read_bytes_{};     // by tier: verified so far by finished batches
};

// Bytes of one block between two places in host memory. False: not both can be reached by the processor.
bool copy_block(Scatter from, Scatter to);

}  // namespace cairn
