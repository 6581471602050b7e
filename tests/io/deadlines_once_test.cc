// Property: each watch tells its target once; the dead and those that never expire are not told; nobody is told under
// the watcher's lock; the watcher owns nobody.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "io/deadlines.h"

namespace cairn {
namespace {

class Counted final : public Expiring {
 public:
  void expire() noexcept override { ++told; }
  std::atomic<int> told{0};
};

// Returns when `target` was told `count` times: the watcher tells in the order of deadlines, so whatever was due
// before the last has been told by then.
void until(const Counted& target, int count) {
  while (target.told < count) std::this_thread::yield();
}

TEST(DeadlinesOnce, OncePerWatchAndNotBeforeItsTime) {
  VirtualClock clock;
  const auto target = std::make_shared<Counted>(), early = std::make_shared<Counted>(),
             last = std::make_shared<Counted>();
  DeadlineWatcher watcher(clock);
  for (int i = 0; i < 3; ++i) watcher.watch(target, clock.after_us(2'000));
  watcher.watch(target, clock.after_us(9'000));
  watcher.watch(target, Deadline::never());
  watcher.watch(early, clock.after_us(1'999));
  clock.advance_us(1'999);
  until(*early, 1);
  EXPECT_EQ(target->told, 0) << "one microsecond too early";
  watcher.watch(last, clock.after_us(2));
  clock.advance_us(2);
  until(*last, 1);
  EXPECT_EQ(target->told, 3);
  watcher.watch(last, clock.after_us(8'000));
  clock.advance_us(8'000);
  until(*last, 2);
  EXPECT_EQ(target->told, 4);
  EXPECT_EQ(early->told, 1);
}

TEST(DeadlinesOnce, WhatIsPastAlreadyIsToldWithoutTheClockMoving) {
  VirtualClock clock;
  clock.advance_us(1'000'000);
  const auto target = std::make_shared<Counted>();
  DeadlineWatcher watcher(clock);
  watcher.watch(target, clock.after_us(0));
  watcher.watch(target, {-5});
  until(*target, 2);
}

TEST(DeadlinesOnce, AmongThousandsOnlyTheLivingAreTold) {
  VirtualClock clock;
  std::vector<std::shared_ptr<Counted>> living;
  const auto last = std::make_shared<Counted>();
  DeadlineWatcher watcher(clock);
  watcher.watch(last, clock.after_us(50'000));
  for (int i = 0; i < 6'000; ++i) {
    auto target = std::make_shared<Counted>();
    watcher.watch(target, clock.after_us(10'000 + (i * 7919) % 30'000));
    EXPECT_EQ(target.use_count(), 1) << "the watcher owns nobody";
    if (i % 3 == 0) living.push_back(std::move(target));
  }
  clock.advance_us(60'000);
  until(*last, 1);
  for (const auto& target : living) ASSERT_EQ(target->told, 1);
}

// Ends in a deadlock if expire() is called under the watcher's lock.
class Again final : public Expiring, public std::enable_shared_from_this<Again> {
 public:
  Again(DeadlineWatcher& watcher, const Clock& clock) : watcher_(watcher), clock_(clock) {}
  void expire() noexcept override {
    if (++told < 5) watcher_.watch(shared_from_this(), clock_.after_us(0));
  }
  std::atomic<int> told{0};

 private:
  DeadlineWatcher& watcher_;
  const Clock& clock_;
};

TEST(DeadlinesOnce, ATargetMayWatchAgainWhileItIsTold) {
  VirtualClock clock;
  DeadlineWatcher watcher(clock);
  const auto again = std::make_shared<Again>(watcher, clock);
  watcher.watch(again, clock.after_us(0));
  while (again->told < 5) std::this_thread::yield();
}

TEST(DeadlinesOnce, AnEndedWatcherTellsNobody) {
  VirtualClock clock;
  const auto target = std::make_shared<Counted>();
  {
    DeadlineWatcher watcher(clock);
    watcher.watch(target, clock.after_us(1));
  }
  clock.advance_us(10);
  EXPECT_EQ(target->told, 0);
}

}  // namespace
}  // namespace cairn
