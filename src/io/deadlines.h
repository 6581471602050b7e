// One thread that tells objects when their deadline has passed: kernel calls on files cannot be cancelled, so whoever
// waits for one is freed from outside.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace cairn {

class Expiring {
 public:
  virtual ~Expiring() = default;
  virtual void expire() noexcept = 0;  // on the watcher's thread, at most once per watch(); must not block for long
};

class DeadlineWatcher {
 public:
  explicit DeadlineWatcher(const Clock& clock);
  ~DeadlineWatcher();  // joins; what is still watched is not told any more
  // Nothing happens for Deadline::never(). The target may die before its deadline. Any thread.
  void watch(const std::shared_ptr<Expiring>& target, Deadline deadline);

 private:
  struct Entry {
    std::int64_t at_us;
    std::weak_ptr<Expiring> target;
  };
  void run();
  void forget_the_dead() CAIRN_REQUIRES(mutex_);

  const Clock& clock_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Entry> heap_ CAIRN_GUARDED_BY(mutex_);  // the earliest first
  std::size_t compact_at_ CAIRN_GUARDED_BY(mutex_) = 1024;
  bool stop_ CAIRN_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace cairn
