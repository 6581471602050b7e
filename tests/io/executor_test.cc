// Property: every task taken runs once, never more at a time than threads; a full queue says so; a thread that hangs is
// replaced, at most so many, and is no obstacle to stopping.
#include "io/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "io/call_task.h"
#include "support/gate.h"

namespace cairn {
namespace {

using test::CallTask;
using test::Gate;

TEST(Executor, RunsEveryTaskOnceOnAtMostItsThreads) {
  std::atomic<int> ran{0}, inside{0}, most{0};
  std::vector<std::unique_ptr<CallTask>> tasks;
  {
    auto pool = make_thread_pool({.threads = 3, .queue_max = 1000}, "test");
    for (int i = 0; i < 600; ++i) {
      tasks.push_back(std::make_unique<CallTask>([&] {
        const int now = ++inside;
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        ++ran;
        --inside;
      }));
      ASSERT_TRUE(pool->submit(*tasks.back()));
    }
  }
  EXPECT_EQ(ran, 600);
  EXPECT_LE(most, 3);
}

TEST(Executor, AFullQueueRefuses) {
  Gate latch;
  CallTask blocking([&] { latch.pass(); });
  std::vector<std::unique_ptr<CallTask>> waiting;
  auto pool = make_thread_pool({.threads = 1, .queue_max = 2}, "test");
  ASSERT_TRUE(pool->submit(blocking));
  latch.until_waiting(1);
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(std::make_unique<CallTask>([] {}));
    EXPECT_EQ(pool->submit(*waiting.back()), i < 2);
  }
  EXPECT_EQ(pool->queued(), 2u);
  latch.open();
  pool.reset();
}

TEST(Executor, AThreadThatHangsIsReplacedUpToABound) {
  Gate hang, done;
  std::vector<std::unique_ptr<CallTask>> stuck;
  auto pool = make_thread_pool({.threads = 1, .queue_max = 10, .stuck_threads_max = 2}, "test");
  for (int i = 0; i < 3; ++i) {
    stuck.push_back(std::make_unique<CallTask>([&] { hang.pass(); }));
    ASSERT_TRUE(pool->submit(*stuck.back()));
    hang.until_waiting(i + 1);
    EXPECT_EQ(pool->abandon_thread_of(*stuck.back()), i < 2);
  }
  EXPECT_EQ(pool->stuck(), 2u);
  hang.open();
  hang.until_all_left();
  std::atomic<bool> ran{false};
  CallTask after([&] { ran = true; });
  ASSERT_TRUE(pool->submit(after));
  pool.reset();
  EXPECT_TRUE(ran);
}

TEST(Executor, StoppingWaitsForAThreadThatComesBackSoon) {
  Gate hang;
  std::atomic<bool> ended{false};
  CallTask task([&] {
    hang.pass();
    ended = true;
  });
  auto pool = make_thread_pool({.threads = 1, .queue_max = 10, .stuck_threads_max = 1}, "test");
  ASSERT_TRUE(pool->submit(task));
  hang.until_waiting(1);
  ASSERT_TRUE(pool->abandon_thread_of(task));
  hang.open();
  pool.reset();
  EXPECT_TRUE(ended);
}

TEST(Executor, StoppingLeavesAHangingThreadBehind) {
  auto hang = std::make_shared<Gate>();
  auto task = std::make_unique<CallTask>([hang] { hang->pass(); });
  auto pool =
      make_thread_pool({.threads = 1, .queue_max = 10, .stuck_threads_max = 1, .stuck_patience_us = 1000}, "test");
  ASSERT_TRUE(pool->submit(*task));
  hang->until_waiting(1);
  ASSERT_TRUE(pool->abandon_thread_of(*task));
  pool.reset();  // returns although the thread hangs
  hang->open();
  hang->until_all_left();
}

}  // namespace
}  // namespace cairn
