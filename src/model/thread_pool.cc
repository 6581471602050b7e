#include "model/thread_pool.h"

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

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

// Of a thread that may be computing right now: asking it to answer itself would wake it, and cost it time.
std::int64_t cpu_us_of(std::thread& thread) {
  clockid_t clock{};
  timespec used{};
  CAIRN_CHECK(pthread_getcpuclockid(thread.native_handle(), &clock) == 0, "a thread without a CPU clock");
  clock_gettime(clock, &used);
  return static_cast<std::int64_t>(used.tv_sec) * 1'000'000 + used.tv_nsec / 1000;
}

static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  syscall(SYS_futex, &word, operation, value, nullptr, nullptr, 0);
}

}  // namespace

void WaitedNumber::wait_change(std::uint32_t seen) {
  for (int i = 0; i < kSpins; ++i) {
    if (load() != seen) return;
    _mm_pause();
  }
  // Either wake() sees the sleeper or the sleeper sees the new value: both sides write first and then read the other's.
  sleepers_.fetch_add(1);
  if (value_.load() == seen) futex(value_, FUTEX_WAIT_PRIVATE, seen);
  sleepers_.fetch_sub(1);
}

void WaitedNumber::wake() {
  if (sleepers_.load() != 0) futex(value_, FUTEX_WAKE_PRIVATE, INT_MAX);
}

ThreadPool::ThreadPool(std::uint32_t threads) : threads_(threads), lanes_(threads) {
  CAIRN_CHECK(threads >= 1, "a pool needs its caller");
  workers_.reserve(threads - 1);
  for (std::uint32_t i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_release);
  job_.add(1);
  job_.wake();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::dispatch(std::size_t tasks, Call call, const void* function) {
  CAIRN_CHECK(tasks < kTaskMask, "too many tasks in one job");
  call_ = call;
  function_ = function;
  left_.set(static_cast<std::uint32_t>(tasks));
  const std::uint64_t job = job_.load() + 1ull;
  for (std::size_t i = 0; i < threads_; ++i) {
    lanes_[i].ticket.store(ticket_of(job, tasks * i / threads_, tasks * (i + 1) / threads_), std::memory_order_release);
  }
  job_.add(1);
  job_.wake();
  take_tasks(0);
  for (std::uint32_t left = left_.load(); left != 0; left = left_.load()) left_.wait_change(left);
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
  const bool last = left_.add(0u - tasks) == tasks;
  if (last && thread != 0) left_.wake();
}

void ThreadPool::work(std::uint32_t thread) {
  const ScopedFpu fpu;
  for (;;) {
    const std::uint32_t seen = job_.load();
    if (stop_.load(std::memory_order_acquire)) return;
    take_tasks(thread);
    job_.wait_change(seen);
  }
}

std::vector<std::int64_t> ThreadPool::cpu_us() {
  std::vector<std::int64_t> used{thread_cpu_us()};
  for (std::thread& worker : workers_) used.push_back(cpu_us_of(worker));
  return used;
}

}  // namespace cairn
