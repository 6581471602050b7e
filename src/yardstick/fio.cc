#include "yardstick/fio.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <vector>

namespace cairn {
namespace {

constexpr std::size_t kOutputBytesMax = 1 << 20;

// Standard output of a program, without a shell; empty when it could not run.
std::string output_of(const std::vector<std::string>& words) {
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), ::environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipes[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t got = 0; failed == 0 && (got = ::read(pipes[0], buffer, sizeof buffer)) > 0;) {
    if (output.size() < kOutputBytesMax) output.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(pipes[0]);
  int status = 0;
  if (failed != 0 || waitpid(child, &status, 0) != child || status != 0) return {};
  return output;
}

}  // namespace

double parse_fio_terse(const std::string& line, FioDirection direction) {
  constexpr int kReadField = 7, kWriteField = 48;  // KiB/s
  std::istringstream fields(line);
  std::string field;
  for (int i = 1; std::getline(fields, field, ';'); ++i) {
    if (i == 1 && field != "3") return 0;
    if (i == (direction == FioDirection::kRead ? kReadField : kWriteField))
      return std::strtod(field.c_str(), nullptr) * 1024 / 1e9;
  }
  return 0;
}

double run_fio(const FioRun& run) {
  const std::string output =
      output_of({"fio", "--name=cairn", "--directory=" + run.directory, "--minimal", "--terse-version=3",
                 "--group_reporting", "--ioengine=psync", "--numjobs=" + std::to_string(run.jobs),
                 "--size=" + std::to_string(run.data_bytes / run.jobs), "--bs=" + run.block_size,
                 std::string("--direct=") + (run.direct ? "1" : "0"), "--invalidate=1",
                 run.direction == FioDirection::kRead ? "--rw=read" : "--rw=write"});
  return parse_fio_terse(output, run.direction);
}

}  // namespace cairn
