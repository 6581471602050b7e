// The only lock in the product (tools/tidy.py refuses std::mutex elsewhere). Clang checks the annotations.
// Never call out of a room while holding one.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define CAIRN_ANNOTATE(x) __attribute__((x))
#else
#define CAIRN_ANNOTATE(x)
#endif
#define CAIRN_CAPABILITY(x) CAIRN_ANNOTATE(capability(x))
#define CAIRN_SCOPED_CAPABILITY CAIRN_ANNOTATE(scoped_lockable)
#define CAIRN_GUARDED_BY(x) CAIRN_ANNOTATE(guarded_by(x))
#define CAIRN_REQUIRES(...) CAIRN_ANNOTATE(requires_capability(__VA_ARGS__))
#define CAIRN_EXCLUDES(...) CAIRN_ANNOTATE(locks_excluded(__VA_ARGS__))
#define CAIRN_ACQUIRE(...) CAIRN_ANNOTATE(acquire_capability(__VA_ARGS__))
#define CAIRN_RELEASE(...) CAIRN_ANNOTATE(release_capability(__VA_ARGS__))

namespace cairn {

class CAIRN_CAPABILITY("mutex") Mutex {
 public:
  void lock() CAIRN_ACQUIRE() { mutex_.lock(); }
  void unlock() CAIRN_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class CAIRN_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) CAIRN_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() CAIRN_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits may wake spuriously: always wait in a loop over the condition.
class CondVar {
 public:
  static constexpr std::int64_t kWaitUsMax = std::int64_t{365} * 24 * 3600 * 1'000'000;
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }
  void wait(Mutex& mutex) CAIRN_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // False when `timeout_us` passed first. Any length is good: "never" is not added to the clock, where it would wrap.
  bool wait_for_us(Mutex& mutex, std::int64_t timeout_us) CAIRN_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const auto status = condition_.wait_for(lock, std::chrono::microseconds(std::min(timeout_us, kWaitUsMax)));
    lock.release();
    return status == std::cv_status::no_timeout;
  }

 private:
  std::condition_variable condition_;
};

}  // namespace cairn
