// Log lines are events with a stable name and fields: log.warn("tier.breaker.open", {{"tier", "file"}, {"errors", 5}}).
// warning = someone must act; a miss is never logged above debug. Repeats of one event are rate-limited and counted.
// Any thread; never blocks on the sink's reader. Values whose field name looks secret are the caller's bug: never pass
// one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError, kOff };

struct LogField {
  std::string name, value;
  LogField(std::string_view field, std::string_view text) : name(field), value(text) {}
  LogField(std::string_view field, const std::string& text) : name(field), value(text) {}
  LogField(std::string_view field, const char* text) : name(field), value(text) {}
  LogField(std::string_view field, double number);
  LogField(std::string_view field, std::uint64_t number);
  LogField(std::string_view field, std::int64_t number);
  LogField(std::string_view field, std::uint32_t number) : LogField(field, std::uint64_t{number}) {}
  LogField(std::string_view field, int number) : LogField(field, std::int64_t{number}) {}
};
using LogFields = std::initializer_list<LogField>;

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view event, LogFields fields) = 0;
  virtual bool enabled(LogLevel level) const = 0;
  void debug(std::string_view event, LogFields fields = {}) {
    if (enabled(LogLevel::kDebug)) write(LogLevel::kDebug, event, fields);
  }
  void info(std::string_view event, LogFields fields = {}) {
    if (enabled(LogLevel::kInfo)) write(LogLevel::kInfo, event, fields);
  }
  void warn(std::string_view event, LogFields fields = {}) {
    if (enabled(LogLevel::kWarning)) write(LogLevel::kWarning, event, fields);
  }
  void error(std::string_view event, LogFields fields = {}) {
    if (enabled(LogLevel::kError)) write(LogLevel::kError, event, fields);
  }
};

// Lines on standard error, "2026-01-31T12:00:00.123Z warn tier.breaker.open tier=file errors=5". At most
// `lines_per_second` lines of one event; the next allowed line carries suppressed=N.
std::unique_ptr<Log> make_stderr_log(LogLevel level, std::uint32_t lines_per_second = 10);
// Drops everything.
Log& null_log();

}  // namespace cairn
