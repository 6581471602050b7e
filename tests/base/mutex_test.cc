// The lock excludes, and a condition wakes its waiter or times out.
#include "base/mutex.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

namespace cairn {
namespace {

TEST(Mutex, ExcludesOtherThreads) {
  Mutex mutex;
  int count = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10000; ++i) {
        const MutexLock lock(mutex);
        ++count;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(count, 40000);
}

TEST(CondVar, WakesItsWaiter) {
  Mutex mutex;
  CondVar changed;
  int turn = 0;
  std::jthread other([&] {
    const MutexLock lock(mutex);
    while (turn != 1) changed.wait(mutex);
    turn = 2;
    changed.notify_all();
  });
  const MutexLock lock(mutex);
  turn = 1;
  changed.notify_one();
  while (turn != 2) changed.wait(mutex);
  EXPECT_EQ(turn, 2);
}

TEST(CondVar, WaitsForeverWhenToldTo) {
  Mutex mutex;
  CondVar changed;
  bool told = false;
  std::thread teller([&] {
    for (int yields = 0; yields < 1000; ++yields) std::this_thread::yield();
    MutexLock lock(mutex);
    told = true;
    changed.notify_all();
  });
  mutex.lock();
  while (!told && changed.wait_for_us(mutex, std::numeric_limits<std::int64_t>::max())) {
  }
  EXPECT_TRUE(told) << "never came at once";
  mutex.unlock();
  teller.join();
}

TEST(CondVar, SaysThatTheTimePassed) {
  Mutex mutex;
  CondVar never;
  const MutexLock lock(mutex);
  bool woken = true;
  for (int i = 0; i < 1000 && woken; ++i) woken = never.wait_for_us(mutex, 100);  // a spurious wake is allowed
  EXPECT_FALSE(woken);
}

}  // namespace
}  // namespace cairn
