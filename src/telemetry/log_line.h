// What a log line is made of: text of an event and its fields, and the limit on repeats. Also the log over any file
// descriptor, so that a test reads what a person would see.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "telemetry/log.h"

namespace cairn {

// `warn tier.breaker.open tier=file errors=5`. A value with spaces, quotes, control bytes or nothing in it is quoted
// and escaped, so one event is always one line whatever a field holds. Cut at `kLogLineBytesMax` with a final "...".
inline constexpr std::size_t kLogLineBytesMax = 3072;
std::string format_event(LogLevel level, std::string_view event, LogFields fields, std::uint64_t suppressed);

// Counts lines per event and second. Not thread-safe: the log holds a lock around it.
class EventLimit {
 public:
  explicit EventLimit(std::uint32_t lines_per_second) : lines_per_second_(lines_per_second) {}
  // Nothing: this line is dropped. Else the number of lines of this event dropped since its last allowed one.
  std::optional<std::uint64_t> admit(std::string_view event, std::int64_t now_us);

 private:
  struct Window {
    std::int64_t begin_us = 0;
    std::uint32_t lines = 0;
    std::uint64_t suppressed = 0;
  };
  std::uint32_t lines_per_second_;
  std::map<std::string, Window, std::less<>> windows_;
};

// Lines on `fd` (borrowed). A descriptor that cannot take a line at once loses it; the count of lost lines stands in
// the next one that fits. `clock` outlives the log.
std::unique_ptr<Log> make_fd_log(int fd, LogLevel level, std::uint32_t lines_per_second, const Clock& clock);

}  // namespace cairn
