#include "bench/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/text.h"

namespace cairn {
namespace {

constexpr int kPollMs = 10;

std::vector<char*> pointers_of(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

struct Prepared {  // before the fork: nothing is allocated after it
  char* const* argv;
  char* const* environment;
  int log, null, failure;
  pid_t parent;
};

// In the child, between fork and exec: only calls that are safe there. What fails is told through the pipe.
[[noreturn]] void become(const Prepared& prepared) {
  ::setpgid(0, 0);
  const auto end = [&] {
    const int error = errno;
    [[maybe_unused]] const auto written = ::write(prepared.failure, &error, sizeof error);
    ::_exit(127);
  };
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) end();
  if (::getppid() != prepared.parent) ::_exit(127);  // it ended in between
  struct sigaction usual = {};
  usual.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) ::sigaction(number, &usual, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::dup2(prepared.null, 0) < 0 || ::dup2(prepared.log, 1) < 0 || ::dup2(prepared.log, 2) < 0) end();
  ::execve(prepared.argv[0], prepared.argv, prepared.environment);
  end();
  ::_exit(127);
}

struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int fd;
};

}  // namespace

Result<ChildProcess> ChildProcess::start(const ChildCommand& command) {
  if (command.argv.empty()) return invalid("a child needs a program");
  const std::string& program = command.argv[0];
  const Descriptor log(::open(command.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (log.fd < 0) return unavailable(command.log_file + ": " + std::strerror(errno));
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  int ends[2] = {-1, -1};
  if (null.fd < 0 || ::pipe2(ends, O_CLOEXEC) != 0) return unavailable(program + ": " + std::strerror(errno));
  Descriptor told(ends[0]), failure(ends[1]);
  std::vector<std::string> words = command.argv, variables = command.environment;
  const std::vector<char*> argv = pointers_of(words), environment = pointers_of(variables);
  const Prepared prepared{argv.data(), environment.data(), log.fd, null.fd, failure.fd, ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) return unavailable(program + ": cannot be started: " + std::strerror(errno));
  if (pid == 0) become(prepared);
  failure.close();
  ChildProcess child(pid, command.log_file);
  int error = 0;
  ssize_t got = 0;
  do {
    got = ::read(told.fd, &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return unavailable(program + ": cannot be started: " + std::strerror(error));
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      status_(other.status_),
      terminated_(other.terminated_),
      log_file_(std::move(other.log_file_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill_and_wait();
    pid_ = std::exchange(other.pid_, -1);
    status_ = other.status_;
    terminated_ = other.terminated_;
    log_file_ = std::move(other.log_file_);
  }
  return *this;
}

ChildProcess::~ChildProcess() { kill_and_wait(); }

std::optional<int> ChildProcess::status() {
  if (status_ || pid_ < 0) return status_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) status_ = status;
  if (ended < 0 && errno == ECHILD) status_ = 0;  // somebody else took it
  return status_;
}

Result<std::string> ChildProcess::wait_ready(const std::string& ready_file, const Clock& clock, Deadline deadline,
                                             const std::atomic<bool>& stop) {
  for (;;) {
    const std::optional<int> ended = status();
    std::ifstream file(ready_file);
    std::string line;
    // Whole only with its line end, or when the child has nothing more to add.
    if (std::getline(file, line) && !line.empty() && !file.eof()) return line;
    if (ended) return unavailable(describe_wait_status(*ended) + " before it was ready: " + log_tail(log_file_));
    if (stop.load()) return Error{ErrorCode::kCancelled, "broken off"};
    if (clock.passed(deadline)) {
      return Error{ErrorCode::kTimeout, "was not ready in time: " + log_tail(log_file_)};
    }
    ::poll(nullptr, 0, kPollMs);
  }
}

void ChildProcess::terminate() {
  if (pid_ >= 0 && !status() && !std::exchange(terminated_, true)) ::kill(pid_, SIGTERM);
}

int ChildProcess::stop(const Clock& clock, Deadline deadline) {
  terminate();
  while (!status() && pid_ >= 0) {
    if (clock.passed(deadline)) {
      kill_and_wait();
      break;
    }
    ::poll(nullptr, 0, kPollMs);
  }
  return status_.value_or(0);
}

void ChildProcess::kill_and_wait() {
  if (pid_ < 0 || status()) return;
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);  // should its group not have been made
  int status = 0;
  pid_t ended = 0;
  do {
    ended = ::waitpid(pid_, &status, 0);
  } while (ended < 0 && errno == EINTR);
  status_ = status;
}

std::string describe_wait_status(int status) {
  if (WIFEXITED(status)) return "ended with status " + std::to_string(WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return "ended";
  const char* name = ::strsignal(WTERMSIG(status));
  return "was ended by signal " + std::to_string(WTERMSIG(status)) +
         (name != nullptr ? " (" + std::string(name) + ")" : "");
}

std::string log_tail(const std::string& log_file, std::size_t bytes_max) {
  std::ifstream file(log_file, std::ios::binary | std::ios::ate);
  if (!file) return "no log";
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(0, file.tellg()));
  file.seekg(static_cast<std::streamoff>(size - std::min<std::uint64_t>(size, bytes_max)));
  std::ostringstream text;
  text << file.rdbuf();
  std::string tail = text.str();
  while (!tail.empty() && tail.back() == '\n') tail.pop_back();
  tail = printable(std::move(tail));
  if (tail.empty()) return "its log is empty";
  return size > bytes_max ? "..." + tail : tail;
}

}  // namespace cairn
