// Time on a slow mount, counted in rounds instead of measured: a stat takes one round, and a round ends when everything
// that was asked is inside its stat. So what runs side by side costs one round whatever the machine is busy with, and
// what does not run side by side never gets out of the first (until a deadline says so).
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/mutex.h"
#include "tier/tier.h"

namespace cairn::test {

class StatRounds {
 public:
  void expect(std::size_t stats) {
    MutexLock lock(mutex_);
    expected_ += stats;
  }
  void stat() {
    MutexLock lock(mutex_);
    ++stats_;
    if (++inside_ == expected_) {
      expected_ = inside_ = 0;
      ++rounds_;
      changed_.notify_all();
      return;
    }
    const std::int64_t round = rounds_;
    while (rounds_ == round && !late_) late_ = !changed_.wait_for_us(mutex_, 20'000'000) && rounds_ == round;
  }
  std::int64_t rounds() const {
    MutexLock lock(mutex_);
    return rounds_;
  }
  std::int64_t stats() const {
    MutexLock lock(mutex_);
    return stats_;
  }
  bool late() const {  // something waited for its turn: not side by side
    MutexLock lock(mutex_);
    return late_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::size_t expected_ CAIRN_GUARDED_BY(mutex_) = 0, inside_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::int64_t rounds_ CAIRN_GUARDED_BY(mutex_) = 0, stats_ CAIRN_GUARDED_BY(mutex_) = 0;
  bool late_ CAIRN_GUARDED_BY(mutex_) = false;
};

// Tells the rounds how many stats a lookup asks for.
class CountedLookups final : public Tier {
 public:
  CountedLookups(std::unique_ptr<Tier> inner, StatRounds& rounds) : inner_(std::move(inner)), rounds_(rounds) {}
  TierTraits traits() const override { return inner_->traits(); }
  TierUsage usage() const override { return inner_->usage(); }
  void submit(Batch& batch) override {
    if (batch.verb == Verb::kContains) rounds_.expect(batch.slots.size());
    inner_->submit(batch);
  }
  void cancel(Batch& batch) override { inner_->cancel(batch); }

 private:
  std::unique_ptr<Tier> inner_;
  StatRounds& rounds_;
};

}  // namespace cairn::test
