// The compute threads of one Forward. The caller is thread 0; workers spin briefly for the next job and then sleep, so
// an idle engine burns nothing. Each thread starts with its own run of consecutive tasks, so that it streams through
// what they read, and then helps the others; who takes which task is left to chance: no result may depend on it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace cairn {

// A number that threads wait on: they spin briefly, then sleep. std::atomic::wait yields in between, and on a machine
// that is shared each yield gives a whole time slice away; whoever sleeps at once is woken ahead of the others.
class WaitedNumber {
 public:
  std::uint32_t load() const { return value_.load(std::memory_order_acquire); }
  void set(std::uint32_t value) { value_.store(value, std::memory_order_relaxed); }  // while nobody waits
  std::uint32_t add(std::uint32_t amount) { return value_.fetch_add(amount); }       // returns what it was
  void wake();                                                                       // after add
  void wait_change(std::uint32_t seen);  // returns once the value differs, or for no reason

 private:
  std::atomic<std::uint32_t> value_{0};
  std::atomic<std::uint32_t> sleepers_{0};
};

class ThreadPool {
 public:
  // threads >= 1, the caller included. Workers compute with the state of ScopedFpu.
  explicit ThreadPool(std::uint32_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::uint32_t threads() const { return threads_; }

  // Calls function(task, thread) once for each task in [0, tasks) and returns when all are done. From the owner's
  // thread only; not reentrant; the function does not throw.
  template <class Function>
  void run(std::size_t tasks, const Function& function) {
    if (threads_ == 1 || tasks <= 1) {
      for (std::size_t task = 0; task < tasks; ++task) function(task, 0u);
      return;
    }
    dispatch(
        tasks,
        [](const void* f, std::size_t task, std::uint32_t thread) { (*static_cast<const Function*>(f))(task, thread); },
        &function);
  }

  // CPU time each thread has used so far, in microseconds; index 0 is the caller's. Disturbs no worker: for measuring.
  std::vector<std::int64_t> cpu_us();

 private:
  using Call = void (*)(const void* function, std::size_t task, std::uint32_t thread);

  // Tasks [next, end) that nobody took yet, and the job that they belong to, in one word (ticket_of): whoever takes a
  // task by compare-and-swap knows that its job is still running. A worker that the system has not scheduled takes
  // none, and nobody waits for it.
  struct alignas(64) Lane {
    std::atomic<std::uint64_t> ticket{0};
  };

  void dispatch(std::size_t tasks, Call call, const void* function);
  void work(std::uint32_t thread);
  void take_tasks(std::uint32_t thread);
  void finish(std::uint32_t tasks, std::uint32_t thread);

  const std::uint32_t threads_;
  Call call_ = nullptr;
  const void* function_ = nullptr;
  std::vector<Lane> lanes_;        // one for each thread
  alignas(64) WaitedNumber left_;  // tasks of the current job that are not finished
  alignas(64) WaitedNumber job_;   // counts jobs; a change wakes the workers
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace cairn
