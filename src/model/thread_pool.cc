#include "model/thread_pool.h"

#include <immintrin.h>

#include "base/check.h"
#include "base/clock.h"
#include "model/kernel_table.h"

namespace cairn {

namespace {

// About 30 microseconds of polling: longer than the gap between two stages of a step, far shorter than a scheduler's
// time slice on a machine that is shared.
constexpr int kSpins = 1200;

// Waits until the value differs from `seen`.
void wait_change(std::atomic<std::uint32_t>& value, std::uint32_t seen) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != seen) return;
    _mm_pause();
  }
  value.wait(seen, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(std::uint32_t threads) : threads_(threads) {
  CAIRN_CHECK(threads >= 1, "a pool needs its caller");
  workers_.reserve(threads - 1);
  for (std::uint32_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::dispatch(std::size_t tasks, Call call, const void* function) {
  call_ = call;
  function_ = function;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  running_.store(threads_ - 1, std::memory_order_relaxed);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  take_tasks(0);
  for (std::uint32_t left = running_.load(std::memory_order_acquire); left != 0;
       left = running_.load(std::memory_order_acquire)) {
    wait_change(running_, left);
  }
}

void ThreadPool::take_tasks(std::uint32_t thread) {
  for (std::size_t task = next_.fetch_add(1, std::memory_order_relaxed); task < tasks_;
       task = next_.fetch_add(1, std::memory_order_relaxed)) {
    call_(function_, task, thread);
  }
}

void ThreadPool::work(std::uint32_t thread) {
  const ScopedFpu fpu;
  std::uint32_t seen = 0;
  for (;;) {
    wait_change(job_, seen);
    ++seen;  // a job starts only after the one before it ended, so none is skipped
    if (stop_.load(std::memory_order_relaxed)) return;
    take_tasks(thread);
    if (running_.fetch_sub(1, std::memory_order_release) == 1) running_.notify_one();
  }
}

std::vector<std::int64_t> ThreadPool::cpu_us() {
  std::vector<std::int64_t> used(threads_);
  used[0] = thread_cpu_us();
  std::atomic<std::uint32_t> asked{0};
  // One task per thread; a thread that took its task waits until all have one, so that none takes two.
  run(threads_, [&](std::size_t, std::uint32_t thread) {
    used[thread] = thread_cpu_us();
    asked.fetch_add(1, std::memory_order_acq_rel);
    while (asked.load(std::memory_order_acquire) < threads_) _mm_pause();
  });
  return used;
}

}  // namespace cairn
