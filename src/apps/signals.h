// SIGINT and SIGTERM as a request to stop: the first asks for it, the second ends the process at once.
#pragma once

#include <signal.h>

#include <atomic>
#include <stop_token>
#include <thread>

namespace cairn {

// Waits on a thread of its own; start it before any other thread.
class SignalThread {
 public:
  // Blocks the signals for every thread that is started afterwards. A log that nobody reads any more is an error of a
  // write, not the end of the process.
  SignalThread();
  ~SignalThread();
  std::stop_token token() const { return stop_.get_token(); }
  // What a shell expects of a program that a signal ended: 128 + its number; 0 while none came.
  int exit_status() const { return status_.load(); }

 private:
  void run();
  sigset_t signals_{};
  std::stop_source stop_;
  std::atomic<int> status_{0};
  std::thread thread_;
};

// For a program that looks at a flag now and then and starts others, which must not inherit blocked signals: the first
// SIGINT or SIGTERM sets the flag, the second ends the process, and with it its children. Call once.
const std::atomic<bool>& stop_at_signal();
int stopped_status();  // as SignalThread::exit_status

}  // namespace cairn
