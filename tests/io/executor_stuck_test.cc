// Property: each accepted task runs exactly once, in order on one thread, also when the pool stops or a thread hangs;
// a hanging thread is counted once, gives its place to a replacement, and makes room again when it comes back.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "io/call_task.h"
#include "io/executor.h"
#include "support/gate.h"

namespace cairn {
namespace {

using test::CallTask;
using test::Gate;

// A task that hangs until its gate opens, as a kernel call on a dead mount does.
struct Hanging {
  Hanging() : task([this] { gate.pass(); }) {}
  Gate gate;
  CallTask task;
};

TEST(ExecutorStuck, EveryAcceptedTaskOfManySubmittersRunsExactlyOnce) {
  constexpr std::size_t kSubmitters = 3, kEach = 300;
  std::vector<std::atomic<int>> runs(kSubmitters * kEach);
  std::vector<std::unique_ptr<CallTask>> tasks;
  for (std::atomic<int>& count : runs) tasks.push_back(std::make_unique<CallTask>([&count] { ++count; }));
  auto pool = make_thread_pool({.threads = 2, .queue_max = 7}, "test");
  std::vector<std::thread> submitters;
  for (std::size_t s = 0; s < kSubmitters; ++s) {
    submitters.emplace_back([&, s] {
      for (std::size_t i = 0; i < kEach; ++i) {
        while (!pool->submit(*tasks[s * kEach + i])) std::this_thread::yield();
      }
    });
  }
  for (std::thread& submitter : submitters) submitter.join();
  pool.reset();
  for (const std::atomic<int>& count : runs) ASSERT_EQ(count, 1);
}

TEST(ExecutorStuck, OneThreadRunsInOrderAndWhatWaitsRunsBeforeThePoolIsGone) {
  Hanging first;
  std::vector<int> order;
  std::vector<std::unique_ptr<CallTask>> tasks;
  auto pool = make_thread_pool({.threads = 1, .queue_max = 20}, "test");
  ASSERT_TRUE(pool->submit(first.task));
  first.gate.until_waiting();
  for (int i = 0; i < 20; ++i) {
    tasks.push_back(std::make_unique<CallTask>([&order, i] { order.push_back(i); }));
    ASSERT_TRUE(pool->submit(*tasks.back()));
  }
  EXPECT_EQ(pool->queued(), 20u);
  std::thread opener([&] { first.gate.open(); });
  pool.reset();
  opener.join();
  ASSERT_EQ(order.size(), 20u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(ExecutorStuck, ATaskMayEndItselfAsItsLastAct) {
  class Ending final : public Task {
   public:
    explicit Ending(std::atomic<int>& gone) : gone_(gone) {}
    ~Ending() override { ++gone_; }
    void run() noexcept override { delete this; }

   private:
    std::atomic<int>& gone_;
  };
  std::atomic<int> gone{0};
  {
    auto pool = make_thread_pool({.threads = 2, .queue_max = 100}, "test");
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool->submit(*new Ending(gone)));
  }
  EXPECT_EQ(gone, 100);
}

TEST(ExecutorStuck, OnlyARunningTaskCountsAndOnlyOnce) {
  Hanging hanging;
  CallTask waiting([] {}), foreign([] {});
  auto pool = make_thread_pool({.threads = 1, .queue_max = 1, .stuck_threads_max = 5}, "test");
  ASSERT_TRUE(pool->submit(hanging.task));
  hanging.gate.until_waiting();
  ASSERT_TRUE(pool->submit(waiting));
  EXPECT_TRUE(pool->abandon_thread_of(foreign)) << "came back meanwhile, for all the pool knows";
  EXPECT_TRUE(pool->abandon_thread_of(waiting));
  EXPECT_EQ(pool->stuck(), 0u);
  EXPECT_TRUE(pool->abandon_thread_of(hanging.task));
  EXPECT_TRUE(pool->abandon_thread_of(hanging.task));
  EXPECT_EQ(pool->stuck(), 1u);
  hanging.gate.open();
  while (pool->stuck() != 0) std::this_thread::yield();
}

TEST(ExecutorStuck, WhatWaitedBehindAHangingThreadRunsOnItsReplacement) {
  Hanging hanging, behind;
  auto pool = make_thread_pool({.threads = 1, .queue_max = 5, .stuck_threads_max = 1}, "test");
  ASSERT_TRUE(pool->submit(hanging.task));
  hanging.gate.until_waiting();
  ASSERT_TRUE(pool->submit(behind.task));
  ASSERT_TRUE(pool->abandon_thread_of(hanging.task));
  behind.gate.until_waiting();
  EXPECT_EQ(pool->stuck(), 1u);
  EXPECT_EQ(pool->queued(), 0u);
  behind.gate.open();
  hanging.gate.open();
  while (pool->stuck() != 0) std::this_thread::yield();
}

TEST(ExecutorStuck, AThreadThatComesBackMakesRoomAndDoesNotJoinTheRest) {
  Hanging first, second;
  std::atomic<int> inside{0}, most{0};
  std::vector<std::unique_ptr<CallTask>> tasks;
  auto pool = make_thread_pool({.threads = 1, .queue_max = 200, .stuck_threads_max = 1}, "test");
  ASSERT_TRUE(pool->submit(first.task));
  first.gate.until_waiting();
  ASSERT_TRUE(pool->abandon_thread_of(first.task));
  ASSERT_TRUE(pool->submit(second.task));
  second.gate.until_waiting();
  EXPECT_FALSE(pool->abandon_thread_of(second.task)) << "one thread is written off already";
  EXPECT_EQ(pool->stuck(), 1u);
  for (int i = 0; i < 100; ++i) {
    tasks.push_back(std::make_unique<CallTask>([&] {
      if (const int now = ++inside; now > most) most = now;
      std::this_thread::yield();
      --inside;
    }));
    ASSERT_TRUE(pool->submit(*tasks.back()));
  }
  first.gate.open();
  while (pool->stuck() != 0) std::this_thread::yield();
  EXPECT_EQ(most, 0) << "the thread that came back ended instead of taking work";
  EXPECT_TRUE(pool->abandon_thread_of(second.task)) << "room again";
  second.gate.open();
  pool.reset();
  EXPECT_EQ(most, 1);
}

TEST(ExecutorStuck, StoppingRunsWhatWaitsWithoutTheThreadThatHangs) {
  struct Shared {
    Hanging hanging;
    std::atomic<bool> back{false};
  };
  const auto shared = std::make_shared<Shared>();
  std::atomic<int> ran{0};
  std::vector<std::unique_ptr<CallTask>> tasks;
  auto pool = make_thread_pool({.threads = 2, .queue_max = 50, .stuck_threads_max = 2}, "test");
  CallTask hang([keep = shared.get()] {
    keep->hanging.gate.pass();
    keep->back = true;
  });
  ASSERT_TRUE(pool->submit(hang));
  shared->hanging.gate.until_waiting();
  ASSERT_TRUE(pool->abandon_thread_of(hang));
  for (int i = 0; i < 50; ++i) {
    tasks.push_back(std::make_unique<CallTask>([&] { ++ran; }));
    ASSERT_TRUE(pool->submit(*tasks.back()));
  }
  pool.reset();
  EXPECT_EQ(ran, 50);
  EXPECT_FALSE(shared->back) << "it hangs still";
  shared->hanging.gate.open();
  while (!shared->back) std::this_thread::yield();
}

TEST(ExecutorStuckDeath, APoolWithoutThreadOrQueueEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(make_thread_pool({.threads = 0}, "test"), "needs a thread and a queue");
  EXPECT_DEATH(make_thread_pool({.queue_max = 0}, "test"), "needs a thread and a queue");
}

}  // namespace
}  // namespace cairn
