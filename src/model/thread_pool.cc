#include "model/thread_pool.h"

#include <immintrin.h>
#include <pthread.h>
#include <time.h>

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

std::uint64_t ticket_of(std::uint64_t job, std::uint64_t next, std::uint64_t end) {
  return job << (2 * kTaskBits) | end << kTaskBits | next;
}
std::uint64_t end_of(std::uint64_t ticket) { return ticket >> kTaskBits & kTaskMask; }
std::uint64_t next_of(std::uint64_t ticket) { return ticket & kTaskMask; }

// Waits until the value differs from `seen`.
void wait_change(std::atomic<std::uint32_t>& value, std::uint32_t seen) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != seen) return;
    _mm_pause();
  }
  value.wait(seen, std::memory_order_acquire);
}

// Of a thread that may be computing right now: asking it to answer itself would wake it, and cost it time.
std::int64_t cpu_us_of(std::thread& thread) {
  clockid_t clock{};
  timespec used{};
  CAIRN_CHECK(pthread_getcpuclockid(thread.native_handle(), &clock) == 0, "a thread without a CPU clock");
  clock_gettime(clock, &used);
  return static_cast<std::int64_t>(used.tv_sec) * 1'000'000 + used.tv_nsec / 1000;
}

}  // namespace

ThreadPool::ThreadPool(std::uint32_t threads) : threads_(threads), lanes_(threads) {
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
  left_.store(static_cast<std::uint32_t>(tasks), std::memory_order_relaxed);
  const std::uint64_t job = job_.load(std::memory_order_relaxed) + 1ull;
  for (std::size_t i = 0; i < threads_; ++i) {
    lanes_[i].ticket.store(ticket_of(job, tasks * i / threads_, tasks * (i + 1) / threads_), std::memory_order_release);
  }
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  take_tasks(0);
  for (std::uint32_t left = left_.load(std::memory_order_acquire); left != 0;
       left = left_.load(std::memory_order_acquire)) {
    wait_change(left_, left);
  }
}

void ThreadPool::take_tasks(std::uint32_t thread) {
  for (std::uint32_t i = 0; i < threads_; ++i) {  // the own lane first
    std::atomic<std::uint64_t>& lane = lanes_[(thread + i) % threads_].ticket;
    std::uint32_t taken = 0;
    for (std::uint64_t ticket = lane.load(std::memory_order_acquire); next_of(ticket) < end_of(ticket);) {
      if (!lane.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        continue;
      }
      call_(function_, next_of(ticket), thread);
      ++taken;
      ticket = lane.load(std::memory_order_acquire);
    }
    if (taken != 0) finish(taken, thread);
  }
}

void ThreadPool::finish(std::uint32_t tasks, std::uint32_t thread) {
  const bool last = left_.fetch_sub(tasks, std::memory_order_acq_rel) == tasks;
  if (last && thread != 0) left_.notify_one();
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
  std::vector<std::int64_t> used{thread_cpu_us()};
  for (std::thread& worker : workers_) used.push_back(cpu_us_of(worker));
  return used;
}

}  // namespace cairn
