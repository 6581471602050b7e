// A place where calls hang until it is opened, as a kernel call on a dead mount does.
#pragma once

#include "base/mutex.h"

namespace cairn::test {

class Gate {
 public:
  void pass() {
    MutexLock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    while (!open_) changed_.wait(mutex_);
    --waiting_;
    changed_.notify_all();
  }
  void open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void until_waiting(int count = 1) {
    MutexLock lock(mutex_);
    while (waiting_ < count) changed_.wait(mutex_);
  }
  void until_all_left() {
    MutexLock lock(mutex_);
    while (waiting_ != 0) changed_.wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int waiting_ = 0;
  bool open_ = false;
};

}  // namespace cairn::test
