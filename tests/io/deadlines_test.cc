// Property: whoever is watched is told once, after its deadline, in order; the dead are forgotten.
#include "io/deadlines.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace cairn {
namespace {

class Told final : public Expiring {
 public:
  Told(std::atomic<int>& counter, std::vector<int>& names, int name) : counter_(counter), names_(names), name_(name) {}
  void expire() noexcept override {
    names_.push_back(name_);
    ++counter_;
  }

 private:
  std::atomic<int>& counter_;
  std::vector<int>& names_;
  int name_;
};

TEST(Deadlines, TellsInOrderOnAClockThatMovesWhenTold) {
  VirtualClock clock;
  std::atomic<int> told{0};
  std::vector<int> order;
  std::vector<std::shared_ptr<Told>> targets;
  DeadlineWatcher watcher(clock);
  for (const int at : {30, 10, 20, 40}) {
    targets.push_back(std::make_shared<Told>(told, order, at));
    watcher.watch(targets.back(), clock.after_us(at * 1000));
  }
  watcher.watch(targets.front(), Deadline::never());
  targets[2].reset();  // dies before its time
  clock.advance_us(35'000);
  while (told < 2) std::this_thread::yield();
  clock.advance_us(100'000);
  while (told < 3) std::this_thread::yield();
  EXPECT_EQ(order, (std::vector<int>{10, 30, 40}));
}

TEST(Deadlines, StopsWithTargetsLeft) {
  const SystemClock clock;
  std::atomic<int> told{0};
  std::vector<int> order;
  const auto target = std::make_shared<Told>(told, order, 1);
  {
    DeadlineWatcher watcher(clock);
    for (int i = 0; i < 5000; ++i) watcher.watch(target, clock.after_us(3'600'000'000));
  }
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace cairn
