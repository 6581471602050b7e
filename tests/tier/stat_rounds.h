// Time on a slow mount, counted in rounds instead of measured: a stat takes one round, and a round ends when everything
// that was asked is inside its stat. So what runs side by side costs one round whatever the machine is busy with, and
// what does not run side by side never gets out of the first (until a deadline says so).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "tier/tier.h"

namespace cairn::test {

class StatRounds {
 public:
  void expect(std::size_t stats) {
    const std::lock_guard lock(mutex_);
    expected_ += stats;
  }
  void stat() {
    std::unique_lock lock(mutex_);
    ++stats_;
    if (++inside_ == expected_) {
      expected_ = inside_ = 0;
      ++rounds_;
      changed_.notify_all();
      return;
    }
    const std::int64_t round = rounds_;
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [&] { return rounds_ != round; })) late_ = true;
  }
  std::int64_t rounds() const { return locked(rounds_); }
  std::int64_t stats() const { return locked(stats_); }
  bool late() const { return locked(late_); }  // something waited for its turn: not side by side

 private:
  template <class T>
  T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t expected_ = 0, inside_ = 0;
  std::int64_t rounds_ = 0, stats_ = 0;
  bool late_ = false;
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
