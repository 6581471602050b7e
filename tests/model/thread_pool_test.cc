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

TEST(ThreadPool, EachThreadStartsWithARunOfItsOwnAndHelpsTheOthersAfterwards) {
  constexpr std::size_t kTasks = 64;
  ThreadPool pool(2);
  std::vector<std::uint32_t> taken_by(kTasks);
  std::atomic<int> started{0};
  std::atomic<std::size_t> finished{0};
  pool.run(kTasks, [&](std::size_t task, std::uint32_t thread) {
    taken_by[task] = thread;
    if (task == 0 || task == kTasks / 2) {
      started.fetch_add(1);
      while (started.load() < 2) {  // both are at the head of their runs
      }
    }
    // The worker stays with its first task until the caller has done all the others.
    while (task == kTasks / 2 && finished.load() < kTasks - 1) {
    }
    finished.fetch_add(1);
  });
  for (std::size_t task = 0; task < kTasks; ++task) EXPECT_EQ(taken_by[task], task == kTasks / 2 ? 1u : 0u);
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

TEST(ThreadPool, AskingForCpuTimeWaitsForNoWorker) {
  ThreadPool pool(2);
  std::atomic<int> inside{0};
  pool.run(2, [&](std::size_t, std::uint32_t thread) {
    inside.fetch_add(1);
    while (inside.load() < 2) {
    }
    if (thread == 0) {
      EXPECT_EQ(pool.cpu_us().size(), 2u);  // while the other thread still computes
      inside.fetch_add(1);
    }
    while (inside.load() < 3) {
    }
  });
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
