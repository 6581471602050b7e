// Property: each task runs exactly once, on any number of threads, job after job, also after the workers fell asleep.
#include "model/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "base/clock.h"
#include "model/kernel_table.h"

namespace cairn {
namespace {

TEST(ThreadPool, EachTaskRunsOnce) {
  for (const std::uint32_t threads : {1u, 2u, 5u}) {
    ThreadPool pool(threads);
    for (std::size_t tasks = 0; tasks < 40; ++tasks) {
      std::vector<std::atomic<int>> seen(tasks);
      pool.run(tasks, [&](std::size_t task, std::uint32_t thread) {
        ASSERT_LT(thread, threads);
        seen[task].fetch_add(1);
      });
      for (const auto& count : seen) ASSERT_EQ(count.load(), 1);
    }
  }
}

TEST(ThreadPool, SleepingWorkersWakeForTheNextJob) {
  ThreadPool pool(3);
  const SystemClock clock;
  std::atomic<int> done{0};
  for (int job = 0; job < 20; ++job) {
    const Deadline quiet = clock.after_us(2000);  // longer than any spin
    while (!clock.passed(quiet)) {
    }
    pool.run(7, [&](std::size_t, std::uint32_t) { done.fetch_add(1); });
  }
  EXPECT_EQ(done.load(), 140);
}

TEST(ThreadPool, EveryThreadComputesWithDenormalsAsZero) {
  ThreadPool pool(2);
  std::atomic<int> flushed{0}, tasks_seen{0};
  volatile float tiny = 0x1p-140f, half = 0.5f;
  const ScopedFpu fpu;
  pool.run(2, [&](std::size_t, std::uint32_t) {
    if (tiny * half == 0.0f) flushed.fetch_add(1);
    tasks_seen.fetch_add(1);
    while (tasks_seen.load() < 2) {  // so that both threads take one
    }
  });
  EXPECT_EQ(flushed.load(), 2);
}

TEST(ThreadPool, CpuTimeIsCountedForEachThread) {
  ThreadPool pool(2);
  const std::vector<std::int64_t> before = pool.cpu_us();
  std::atomic<int> tasks_seen{0};
  pool.run(2, [&](std::size_t, std::uint32_t) {
    tasks_seen.fetch_add(1);
    while (tasks_seen.load() < 2) {
    }
    const std::int64_t end = thread_cpu_us() + 3000;
    while (thread_cpu_us() < end) {
    }
  });
  const std::vector<std::int64_t> after = pool.cpu_us();
  ASSERT_EQ(after.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_GE(after[i] - before[i], 3000);
}

}  // namespace
}  // namespace cairn
