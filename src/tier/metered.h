// Counts what a tier does: operations by verb and outcome, bytes by direction, seconds by verb, bytes used. Adds no
// thread and no copy: it watches batches on their way home.
#pragma once

#include <memory>

#include "base/clock.h"
#include "telemetry/metrics.h"
#include "tier/tier.h"

namespace cairn {

class TierProbe;

class MeteredTier final : public Tier, private BatchWatch {
 public:
  // Metrics carry tier=<traits().name>. A batch that is already watched passes uncounted.
  MeteredTier(std::unique_ptr<Tier> inner, const Clock& clock, Metrics& metrics);
  ~MeteredTier() override;
  TierTraits traits() const override { return inner_->traits(); }
  TierUsage usage() const override { return inner_->usage(); }
  void submit(Batch& batch) override;
  void cancel(Batch& batch) override { inner_->cancel(batch); }
  void refresh();  // usage gauges; also set after each put and erase

 private:
  void on_finish(Batch& batch, const Result<void>& result) noexcept override;

  std::unique_ptr<Tier> inner_;
  const Clock& clock_;
  std::unique_ptr<TierProbe> probe_;
};

}  // namespace cairn
