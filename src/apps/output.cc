#include "apps/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace cairn {
namespace {

constexpr std::int64_t kRefreshUs = 500'000;

// A line that wraps could not be taken back.
std::size_t columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 20) return 0;
  return size.ws_col - 1;
}

}  // namespace

Result<void> write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return unavailable(path + ": cannot write it");
  return {};
}

Result<void> check_writable(const std::string& path) {
  std::error_code ignored;
  const bool known = std::filesystem::exists(path, ignored);
  const bool writable = std::ofstream(path, std::ios::binary | std::ios::app).good();
  if (!known) std::filesystem::remove(path, ignored);
  if (!writable) return invalid(path + ": cannot write there");
  return {};
}

Screen::Screen() : terminal_(::isatty(STDERR_FILENO) != 0) {}

void Screen::progress(const std::string& line, std::int64_t now_us) {
  if (!terminal_ || now_us < next_us_) return;
  next_us_ = now_us + kRefreshUs;
  const std::size_t most = columns();
  std::fprintf(stderr, "\r\033[K%s", (most == 0 ? line : line.substr(0, most)).c_str());
  live_ = true;
}

void Screen::line(const std::string& text) {
  clear();
  std::fprintf(stderr, "%s\n", text.c_str());
}

void Screen::clear() {
  if (live_) std::fputs("\r\033[K", stderr);
  live_ = false;
}

}  // namespace cairn
