// A sick tier is skipped. Closed: used. Open: skipped, no request waits for it. Half-open: the cache itself asks one
// harmless question in the background; its answer closes the breaker, its failure opens it again, for longer.
// A value over given times; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cairn {

class Breaker {
 public:
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };
  enum class Kind : std::uint8_t { kProbe, kData };  // a question (contains), or bytes that moved
  static constexpr std::size_t kCorruptPerMinuteMax = 16;
  static constexpr std::int64_t kBackoffMax = 4;  // times open_us

  Breaker(std::uint32_t errors_max, std::int64_t open_us) : errors_max_(errors_max), open_us_(open_us) {}

  State state() const { return state_; }
  bool allows() const { return state_ == State::kClosed; }
  // Time at which an open breaker wants its question asked; only while open.
  std::int64_t probe_at_us() const { return probe_at_us_; }
  void begin_probe() { state_ = State::kHalfOpen; }

  // Answers of questions do not make up for bytes that never came: they clear only errors of their own kind.
  void good(Kind kind);
  // An error or a stall; true when this one opened the breaker.
  bool bad(Kind kind, std::int64_t now_us);
  // A block that failed its own verification; true when there were too many within a minute: the fault may be ours.
  bool corrupt(std::int64_t now_us);

 private:
  bool open(std::int64_t now_us);
  std::uint32_t errors_max_;
  std::int64_t open_us_;
  State state_ = State::kClosed;
  std::uint32_t errors_ = 0;
  bool data_errors_ = false;
  std::int64_t backoff_ = 1, probe_at_us_ = 0;
  std::array<std::int64_t, kCorruptPerMinuteMax> corrupt_at_us_{};  // ring of the latest
  std::size_t corrupt_count_ = 0;
};

}  // namespace cairn
