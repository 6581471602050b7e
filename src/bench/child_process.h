// A program started by this one, with a log for what it prints. It runs in a process group of its own, so that Ctrl-C
// on the terminal reaches only us, and it ends when we do, however that happens.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace cairn {

struct ChildCommand {
  std::vector<std::string> argv;         // argv[0] is the program's path
  std::vector<std::string> environment;  // "NAME=value", all of it
  std::string log_file;                  // gets both outputs, appended; input is empty
};

// One thread, which outlives the child: the kernel ends a child with the thread that started it.
class ChildProcess {
 public:
  // kUnavailable: it could not be started, and why.
  static Result<ChildProcess> start(const ChildCommand& command);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();  // SIGKILL to its group, and waits

  pid_t pid() const { return pid_; }
  const std::string& log_file() const { return log_file_; }

  // Wait status once it ended; unset while it runs.
  std::optional<int> status();

  // The first line of the file that the child writes when it is ready. kUnavailable: it ended before; kTimeout;
  // kCancelled: `stop` was set.
  Result<std::string> wait_ready(const std::string& ready_file, const Clock& clock, Deadline deadline,
                                 const std::atomic<bool>& stop);

  void terminate();  // SIGTERM, once: a second one is an order to some programs
  // The same, and waits; SIGKILL to its group at the deadline. Its wait status.
  int stop(const Clock& clock, Deadline deadline);

 private:
  ChildProcess(pid_t pid, std::string log_file) : pid_(pid), log_file_(std::move(log_file)) {}
  void kill_and_wait();

  pid_t pid_ = -1;  // -1: moved from
  std::optional<int> status_;
  bool terminated_ = false;
  std::string log_file_;
};

// "ended with status 1", "was ended by signal 9 (Killed)"
std::string describe_wait_status(int status);
// The last lines of a log, on one line, at most `bytes_max` long.
std::string log_tail(const std::string& log_file, std::size_t bytes_max = 400);

}  // namespace cairn
