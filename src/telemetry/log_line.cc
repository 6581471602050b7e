#include "telemetry/log_line.h"

#include <algorithm>
#include <utility>

namespace cairn {
namespace {

constexpr std::size_t kEventsMax = 4096;  // distinct event names kept by the limit; beyond, it starts over
constexpr std::int64_t kWindowUs = 1'000'000;

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      break;
  }
  return "off";
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && c != '"' && c != '\\' && c != '=';
  });
}

void append_value(std::string& line, std::string_view text) {
  if (is_plain(text)) {
    line += text;
    return;
  }
  static constexpr char kHex[] = "0123456789abcdef";
  line += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      line += "\\x";
      line += kHex[byte >> 4];
      line += kHex[byte & 15];
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

std::string format_event(LogLevel level, std::string_view event, LogFields fields, std::uint64_t suppressed) {
  std::string line(name_of(level));
  line += ' ';
  line += event;
  for (const LogField& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    append_value(line, field.value);
    if (line.size() > kLogLineBytesMax) break;
  }
  if (suppressed > 0) line += " suppressed=" + std::to_string(suppressed);
  if (line.size() > kLogLineBytesMax) {
    line.resize(kLogLineBytesMax - 3);
    line += "...";
  }
  return line;
}

std::optional<std::uint64_t> EventLimit::admit(std::string_view event, std::int64_t now_us) {
  auto found = windows_.find(event);
  if (found == windows_.end()) {
    if (windows_.size() >= kEventsMax) windows_.clear();
    found = windows_.emplace(std::string(event), Window{now_us, 0, 0}).first;
  }
  Window& window = found->second;
  if (now_us - window.begin_us >= kWindowUs) {
    window.begin_us = now_us;
    window.lines = 0;
  }
  if (window.lines >= lines_per_second_) {
    ++window.suppressed;
    return std::nullopt;
  }
  ++window.lines;
  return std::exchange(window.suppressed, 0);
}

}  // namespace cairn
