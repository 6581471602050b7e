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

constexpr int kTaskBits = 20;  // a job has fewer tasks than 2^20
constexpr std::uint64_t kTaskMask = (1ull << kTaskBits) - 1;

std::uint64_t ticket_of(std::uint64_t job, std::uint64_t tasks) { return job << (2 * kTaskBits) | tasks << kTaskBits; }
std::uint64_t tasks_of(std::uint64_t ticket) { return ticket >> kTaskBits & kTaskMask; }
std::uint64_t next_of(std::uint64_t ticket) { return ticket & kTaskMask; }

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
  stop_.store(true, std::memory_order_release);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::dispatch(std::size_t tasks, Call call, const void* function) {
  CAIRN_CHECK(tasks < kTaskMask, "too many tasks in one job");
  call_ = call;
  function_ = function;
  done_.store(0, std::memory_order_relaxed);
  ticket_.store(ticket_of(job_.load(std::memory_order_relaxed) + 1ull, tasks), std::memory_order_release);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  take_tasks(0);
  for (std::uint32_t done = done_.load(std::memory_order_acquire); done != tasks;
       done = done_.load(std::memory_order_acquire)) {
    wait_change(done_, done);
  }
}

void ThreadPool::take_tasks(std::uint32_t thread) {
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (next_of(ticket) < tasks_of(ticket)) {
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
      continue;
    }
    call_(function_, next_of(ticket), thread);
    const bool last = done_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks_of(ticket);
    if (last && thread != 0) done_.notify_one();
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void ThreadPool::work(std::uint32_t thread) {
  const ScopedFpu fpu;
  for (;;) {
    const std::uint32_t seen = job_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_acquire)) return;
    take_tasks(thread);
    wait_change(job_, seen);
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
