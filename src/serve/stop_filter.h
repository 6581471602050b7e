// Finds stop strings in text that arrives in pieces: what may be the beginning of one is held back until it is decided,
// so no byte of a stop string ever leaves, wherever the borders between pieces fall. Pure; one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn {

inline constexpr std::size_t kStopsMax = 16, kStopBytesMax = 256;

class StopFilter {
 public:
  // `stops`: none empty. With `keep_stop`, the matched string is part of the text that leaves.
  explicit StopFilter(std::vector<std::string> stops, bool keep_stop = false);

  struct Piece {
    std::string text;  // may leave now; whole code points if what came in was
    bool stopped = false;
  };
  // After a stop nothing more leaves. The match that is complete first wins; of those that end together, the longest:
  // so the result does not depend on how the text was cut.
  Piece push(std::string_view text);
  std::string finish();                                    // what was held back and turned out to be no stop
  const std::string& matched() const { return matched_; }  // which stop string; empty: none

 private:
  std::vector<std::string> stops_;
  bool keep_stop_;
  std::string held_, matched_;
};

}  // namespace cairn
