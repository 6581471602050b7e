#include "tier/metered.h"

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "base/mutex.h"

namespace cairn {

// The events of a tier as metrics.
class TierProbe {
 public:
  // `memory`: in host RAM, else in storage.
  TierProbe(Metrics& metrics, const std::string& tier, bool memory) {
    for (std::size_t verb = 0; verb < kVerbs; ++verb) {
      const std::string verb_name(to_string(static_cast<Verb>(verb)));
      for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
        operations_[verb][outcome] = &metrics.counter(
            "cairn_tier_operations_total", "rows by verb and outcome",
            {{"tier", tier}, {"verb", verb_name}, {"outcome", std::string(to_string(static_cast<Outcome>(outcome)))}});
      }
      seconds_[verb] =
          &metrics.histogram("cairn_tier_batch_seconds", "from submit to completion of a batch",
                             {0.0001, 0.001, 0.005, 0.02, 0.1, 0.5, 2, 10}, {{"tier", tier}, {"verb", verb_name}});
    }
    read_ = &metrics.counter("cairn_tier_read_bytes_total", "bytes of verified gets", {{"tier", tier}});
    written_ = &metrics.counter("cairn_tier_written_bytes_total", "bytes of stored puts", {{"tier", tier}});
    errors_ = &metrics.counter("cairn_tier_errors_total", "batches with an operating error", {{"tier", tier}});
    used_ = &metrics.gauge("cairn_tier_used_bytes", "bytes of stored blocks", {{"tier", tier}});
    capacity_ = &metrics.gauge("cairn_tier_capacity_bytes", "0: not limited by Cairn", {{"tier", tier}});
    held_ = &metrics.gauge("cairn_tier_held_bytes", "memory of abandoned operations", {{"tier", tier}});
    // The names that dashboards for LMCache read: sums over all tiers of a kind.
    sum_ = memory ? &metrics.gauge("lmcache:local_cache_usage", "bytes of stored blocks in host memory")
                  : &metrics.gauge("lmcache:local_storage_usage", "bytes of stored blocks in all stores");
  }

  void row(Verb verb, const BlockSlot& slot) {
    operations_[static_cast<std::size_t>(verb)][static_cast<std::size_t>(slot.outcome)]->add();
    if (slot.outcome != Outcome::kDone) return;
    double bytes = 0;
    for (const MemoryRef& ref : slot.memory) bytes += static_cast<double>(ref.size);
    if (verb == Verb::kGet) read_->add(bytes);
    if (verb == Verb::kPut) written_->add(bytes);
  }
  void batch(Verb verb, std::int64_t took_us, bool good) {
    seconds_[static_cast<std::size_t>(verb)]->observe(static_cast<double>(took_us) * 1e-6);
    if (!good) errors_->add();
  }
  void usage(const TierUsage& usage) {
    used_->set(static_cast<double>(usage.used_bytes));
    const auto now = static_cast<std::int64_t>(usage.used_bytes);
    sum_->add(static_cast<double>(now - in_sum_.exchange(now)));
    capacity_->set(static_cast<double>(usage.capacity_bytes));
    held_->set(static_cast<double>(usage.held_bytes));
  }

 private:
  static constexpr std::size_t kVerbs = 6, kOutcomes = 6;
  std::array<std::array<Counter*, kOutcomes>, kVerbs> operations_{};
  std::array<Histogram*, kVerbs> seconds_{};
  Counter *read_ = nullptr, *written_ = nullptr, *errors_ = nullptr;
  Gauge *used_ = nullptr, *capacity_ = nullptr, *held_ = nullptr, *sum_ = nullptr;
  std::atomic<std::int64_t> in_sum_{0};  // this tier's part of *sum_
};

// A scan, a quarantine or another process changes what a tier holds without any batch: asked at each exposition.
class UsageSource final : public MetricSource {
 public:
  UsageSource(const Tier& tier, TierProbe& probe) : tier_(&tier), probe_(probe) {}
  void refresh() override {
    MutexLock lock(mutex_);
    if (tier_ != nullptr) probe_.usage(tier_->usage());
  }
  void end() {
    MutexLock lock(mutex_);
    tier_ = nullptr;
  }

 private:
  Mutex mutex_;  // before the tier's own
  const Tier* tier_ CAIRN_GUARDED_BY(mutex_);
  TierProbe& probe_;
};

MeteredTier::MeteredTier(std::unique_ptr<Tier> inner, const Clock& clock, Metrics& metrics, std::string name)
    : inner_(std::move(inner)),
      clock_(clock),
      name_(name.empty() ? std::string(inner_->traits().name) : std::move(name)),
      probe_(std::make_unique<TierProbe>(metrics, name_, inner_->traits().lends)),
      usage_(std::make_shared<UsageSource>(*inner_, *probe_)) {
  usage_->refresh();
  metrics.watch(usage_);
}

MeteredTier::~MeteredTier() {
  usage_->refresh();
  usage_->end();
  inner_.reset();  // it drains, and its last batches are still counted
}

TierTraits MeteredTier::traits() const {
  TierTraits traits = inner_->traits();
  traits.name = name_;
  return traits;
}

void MeteredTier::submit(Batch& batch) {
  if (batch.watch == nullptr) {
    batch.watch = this;
    batch.submitted_us = clock_.now_us();
  }
  inner_->submit(batch);
}

void MeteredTier::on_finish(Batch& batch, const Result<void>& result) noexcept {
  for (const BlockSlot& slot : batch.slots) probe_->row(batch.verb, slot);
  probe_->batch(batch.verb, clock_.now_us() - batch.submitted_us, result.has_value());
  if (batch.verb == Verb::kPut || batch.verb == Verb::kErase) usage_->refresh();
}

}  // namespace cairn
