#include "serve/stop_filter.h"

#include <algorithm>
#include <utility>

namespace cairn {
namespace {

// Length of the longest end of `text` that begins `stop`, shorter than all of it.
std::size_t partial_match(std::string_view text, std::string_view stop) {
  for (std::size_t size = std::min(text.size(), stop.size() - 1); size > 0; --size) {
    if (text.substr(text.size() - size) == stop.substr(0, size)) return size;
  }
  return 0;
}

}  // namespace

StopFilter::StopFilter(std::vector<std::string> stops, bool keep_stop)
    : stops_(std::move(stops)), keep_stop_(keep_stop) {}

StopFilter::Piece StopFilter::push(std::string_view text) {
  if (!matched_.empty()) return {"", true};
  held_ += text;
  std::size_t first = 0, end = std::string::npos;
  const std::string* which = nullptr;
  std::size_t held = 0;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    const std::size_t at_end = at == std::string::npos ? at : at + stop.size();
    if (at_end < end || (at != std::string::npos && at_end == end && at < first)) {
      first = at;
      end = at_end;
      which = &stop;
    }
    held = std::max(held, partial_match(held_, stop));
  }
  Piece piece;
  if (which != nullptr) {
    matched_ = *which;
    piece.text = held_.substr(0, first + (keep_stop_ ? which->size() : 0));
    piece.stopped = true;
    held_.clear();
    return piece;
  }
  std::size_t leaving = held_.size() - held;
  // A stop string may begin inside a code point only if it is no UTF-8 itself; still, never cut one.
  while (leaving > 0 && leaving < held_.size() && (static_cast<unsigned char>(held_[leaving]) & 0xC0) == 0x80)
    --leaving;
  piece.text = held_.substr(0, leaving);
  held_.erase(0, leaving);
  return piece;
}

std::string StopFilter::finish() { return std::exchange(held_, {}); }

}  // namespace cairn
