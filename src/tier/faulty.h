// A tier that misbehaves by a seed, for tests and drills: everything a real tier may do to its user. It never yields
// wrong bytes as if they were right; damage shows as kCorrupt, with the memory scribbled on.
#pragma once

#include <array>
#include <memory>

#include "base/random.h"
#include "tier/wrapper.h"

namespace cairn {

enum class Fault : std::uint8_t { kNone, kMiss, kVanish, kCorrupt, kFail, kDelay, kHang, kRefuse };

// Probabilities per row; drawn in this order, at most one fault per row.
struct FaultyConfig {
  std::uint64_t seed = 1;
  double miss = 0;     // contains, get: kMiss
  double vanish = 0;   // get: erased behind the caller's back, kMiss with kVanished
  double corrupt = 0;  // get: kCorrupt
  double fail = 0;     // get, put: kFailed and an error
  double delay = 0;    // get, put: delay_us later
  double hang = 0;     // get, put: until deadline or cancel
  double refuse = 0;   // put: kRefused
  std::int64_t delay_us = 1000;
};

class FaultyTier final : public Wrapper {
 public:
  FaultyTier(std::unique_ptr<Tier> inner, const FaultyConfig& config, const Clock& clock);
  ~FaultyTier() override { close(); }
  // The next `rows` rows of gets and puts suffer this fault (where it applies), whatever the seed says. Any thread.
  void force(Fault fault, std::uint32_t rows);

 private:
  Fault draw(Verb verb);
  void on_row(RowJob& job) override;
  void on_inner(RowJob& job) override;
  void on_timer(RowJob& job) override { send_row(job); }
  std::int64_t after_whole(Outer& outer) override;

  FaultyConfig config_;
  Random random_;
  Mutex force_mutex_;
  Fault forced_ CAIRN_GUARDED_BY(force_mutex_) = Fault::kNone;
  std::uint32_t forced_rows_ CAIRN_GUARDED_BY(force_mutex_) = 0;
};

}  // namespace cairn
