// Counts what a tier does: operations by verb and outcome, bytes by direction, seconds by verb, bytes used. Adds no
// thread and no copy: it watches batches on their way home.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "telemetry/metrics.h"
#include "tier/tier.h"

namespace cairn {

class TierProbe;
class UsageSource;

class MeteredTier final : public Tier, private BatchWatch {
 public:
  // Metrics carry tier=`name`, which is this tier's name from here on; empty: the inner one's. Tiers that share metrics
  // have distinct names. A batch that is already watched passes uncounted.
  MeteredTier(std::unique_ptr<Tier> inner, const Clock& clock, Metrics& metrics, std::string name = "");
  ~MeteredTier() override;
  TierTraits traits() const override;
  TierUsage usage() const override { return inner_->usage(); }
  void submit(Batch& batch) override;
  void cancel(Batch& batch) override { inner_->cancel(batch); }

 private:
  void on_finish(Batch& batch, const Result<void>& result) noexcept override;

  std::unique_ptr<Tier> inner_;
  const Clock& clock_;
  const std::string name_;
  std::unique_ptr<TierProbe> probe_;
  std::shared_ptr<UsageSource> usage_;  // gauges: set at each exposition, and after each put and erase
};

}  // namespace cairn
