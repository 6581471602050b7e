// Time never runs backwards, a virtual clock moves only when told, and a deadline passes at its instant.
#include "base/clock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cairn {
namespace {

TEST(SystemClock, NeverRunsBackwards) {
  const SystemClock clock;
  std::int64_t last = clock.now_us();
  for (int i = 0; i < 10000; ++i) {
    const std::int64_t now = clock.now_us();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClock, WallTimeIsMicrosecondsSince1970) {
  const SystemClock clock;
  EXPECT_GT(clock.unix_time_us(), 1'600'000'000'000'000);
  EXPECT_LT(clock.unix_time_us(), 5'000'000'000'000'000);
}

TEST(VirtualClock, MovesOnlyWhenTold) {
  VirtualClock clock;
  const std::int64_t start = clock.now_us(), wall = clock.unix_time_us();
  EXPECT_EQ(clock.now_us(), start);
  clock.advance_us(250);
  EXPECT_EQ(clock.now_us(), start + 250);
  EXPECT_EQ(clock.unix_time_us(), wall + 250);
}

TEST(VirtualClock, AddsUpFromManyThreads) {
  VirtualClock clock;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&clock] {
      for (int i = 0; i < 1000; ++i) clock.advance_us(3);
    });
  }
  threads.clear();
  EXPECT_EQ(clock.now_us(), 12000);
}

TEST(Deadline, PassesAtItsInstant) {
  VirtualClock clock;
  const Deadline deadline = clock.after_us(100);
  EXPECT_FALSE(clock.passed(deadline));
  clock.advance_us(99);
  EXPECT_FALSE(clock.passed(deadline));
  clock.advance_us(1);
  EXPECT_TRUE(clock.passed(deadline));
  clock.advance_us(1'000'000'000'000);
  EXPECT_FALSE(clock.passed(Deadline::never()));
}

TEST(ThreadCpu, GrowsWithWork) {
  const std::int64_t start = thread_cpu_us();
  volatile std::uint64_t sum = 0;
  std::int64_t spent = 0;
  for (int round = 0; round < 100000 && spent < 1000; ++round) {
    for (std::uint64_t i = 0; i < 10000; ++i) sum = sum + i;
    spent = thread_cpu_us() - start;
  }
  EXPECT_GE(spent, 1000);
}

}  // namespace
}  // namespace cairn
