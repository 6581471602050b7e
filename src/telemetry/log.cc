#include "telemetry/log.h"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/mutex.h"
#include "telemetry/log_line.h"

namespace cairn {
namespace {

template <class T>
std::string to_text(T number) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number);
  return std::string(buffer, end.ptr);
}

// Writes whole lines only, and only when the descriptor takes one now: a pipe that polls writable has room for
// PIPE_BUF (4096) bytes, and a line is shorter than that.
class DescriptorSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit DescriptorSink(int fd) : fd_(fd) {}
  std::uint64_t lost() const { return lost_; }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    pollfd ready{fd_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
      ++lost_;
      return;
    }
    const ssize_t written = ::write(fd_, line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size())) ++lost_;
  }
  void flush_() override {}

 private:
  int fd_;
  std::uint64_t lost_ = 0;
};

class DescriptorLog final : public Log {
 public:
  DescriptorLog(int fd, LogLevel level, std::uint32_t lines_per_second, const Clock& clock)
      : level_(level),
        clock_(clock),
        limit_(lines_per_second),
        sink_(std::make_shared<DescriptorSink>(fd)),
        logger_("cairn", sink_) {
    logger_.set_level(spdlog::level::trace);
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
    logger_.set_error_handler([](const std::string&) {});
  }

  void write(LogLevel level, std::string_view event, LogFields fields) override {
    if (!enabled(level)) return;
    MutexLock lock(mutex_);
    const auto admitted = limit_.admit(event, clock_.now_us());
    if (!admitted) return;
    const std::uint64_t lost = sink_->lost();
    const std::string line = format_event(level, event, fields, *admitted + (lost - lost_told_));
    logger_.log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
    if (sink_->lost() == lost) lost_told_ = lost;
  }
  bool enabled(LogLevel level) const override { return level >= level_ && level_ != LogLevel::kOff; }

 private:
  const LogLevel level_;
  const Clock& clock_;
  Mutex mutex_;
  EventLimit limit_ CAIRN_GUARDED_BY(mutex_);
  std::shared_ptr<DescriptorSink> sink_;
  spdlog::logger logger_;
  std::uint64_t lost_told_ CAIRN_GUARDED_BY(mutex_) = 0;
};

class NullLog final : public Log {
 public:
  void write(LogLevel, std::string_view, LogFields) override {}
  bool enabled(LogLevel) const override { return false; }
};

}  // namespace

LogField::LogField(std::string_view field, double number) : name(field), value(to_text(number)) {}
LogField::LogField(std::string_view field, std::uint64_t number) : name(field), value(to_text(number)) {}
LogField::LogField(std::string_view field, std::int64_t number) : name(field), value(to_text(number)) {}

std::unique_ptr<Log> make_fd_log(int fd, LogLevel level, std::uint32_t lines_per_second, const Clock& clock) {
  return std::make_unique<DescriptorLog>(fd, level, lines_per_second, clock);
}

std::unique_ptr<Log> make_stderr_log(LogLevel level, std::uint32_t lines_per_second) {
  static const SystemClock clock;  // stateless
  return make_fd_log(STDERR_FILENO, level, lines_per_second, clock);
}

Log& null_log() {
  static NullLog log;  // stateless
  return log;
}

}  // namespace cairn
