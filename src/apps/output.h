// What a benchmark leaves: files, and a live line on a terminal.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace cairn {

Result<void> write_file(const std::string& path, const std::string& text);
// Finds out before minutes of load, not after them.
Result<void> check_writable(const std::string& path);

// Standard error: a live line on a terminal; in a pipe only what was asked for.
class Screen {
 public:
  Screen();
  bool is_terminal() const { return terminal_; }
  void progress(const std::string& line, std::int64_t now_us);  // twice a second at most
  void line(const std::string& text);
  void clear();

 private:
  const bool terminal_;
  bool live_ = false;
  std::int64_t next_us_ = 0;
};

}  // namespace cairn
