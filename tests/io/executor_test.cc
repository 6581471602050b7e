// Property: every task taken runs once, never more at a time than threads; a full queue says so; a thread that hangs is
// replaced, at most so many, and is no obstacle to stopping.
#include "io/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace cairn {
namespace {

class CallTask final : public Task {
 public:
  explicit CallTask(std::function<void()> act) : act_(std::move(act)) {}
  void run() noexcept override { act_(); }

 private:
  std::function<void()> act_;
};

class Latch {
 public:
  void open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    mutex_.lock();
    ++waiting_;
    changed_.notify_all();
    while (!open_) changed_.wait(mutex_);
    --waiting_;
    changed_.notify_all();
    mutex_.unlock();
  }
  void until_waiting(int count) {
    mutex_.lock();
    while (waiting_ != count) changed_.wait(mutex_);
    mutex_.unlock();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int waiting_ = 0;
  bool open_ = false;
};

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
  Latch latch;
  CallTask blocking([&] { latch.wait(); });
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
  Latch hang, done;
  std::vector<std::unique_ptr<CallTask>> stuck;
  auto pool = make_thread_pool({.threads = 1, .queue_max = 10, .stuck_threads_max = 2}, "test");
  for (int i = 0; i < 3; ++i) {
    stuck.push_back(std::make_unique<CallTask>([&] { hang.wait(); }));
    ASSERT_TRUE(pool->submit(*stuck.back()));
    hang.until_waiting(i + 1);
    EXPECT_EQ(pool->abandon_thread_of(*stuck.back()), i < 2);
  }
  EXPECT_EQ(pool->stuck(), 2u);
  hang.open();
  hang.until_waiting(0);
  std::atomic<bool> ran{false};
  CallTask after([&] { ran = true; });
  ASSERT_TRUE(pool->submit(after));
  pool.reset();
  EXPECT_TRUE(ran);
}

TEST(Executor, StoppingWaitsForAThreadThatComesBackSoon) {
  Latch hang;
  std::atomic<bool> ended{false};
  CallTask task([&] {
    hang.wait();
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
  auto hang = std::make_shared<Latch>();
  auto task = std::make_unique<CallTask>([hang] { hang->wait(); });
  auto pool = make_thread_pool({.threads = 1, .queue_max = 10, .stuck_threads_max = 1, .stuck_patience_us = 1000}, "test");
  ASSERT_TRUE(pool->submit(*task));
  hang->until_waiting(1);
  ASSERT_TRUE(pool->abandon_thread_of(*task));
  pool.reset();  // returns although the thread hangs
  hang->open();
  hang->until_waiting(0);
}

}  // namespace
}  // namespace cairn
