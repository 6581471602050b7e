// How many transfers at a time: more until more bring no more, fewer when the service says slow down. Hill climbing on
// measured bytes per second, within [1, most]. A value over given times; one thread.
#pragma once

#include <cstdint>

namespace cairn {

class Concurrency {
 public:
  explicit Concurrency(std::uint32_t most);
  std::uint32_t limit() const { return limit_; }
  // A transfer starts ; `running` counts it too. After a pause the rate is counted anew.
  void on_start(std::uint32_t running, std::int64_t now_us);
  // A transfer ended well; `running` counts those under way, this one included.
  void on_done(std::uint64_t bytes, std::uint32_t running, std::int64_t now_us);
  void on_throttled(std::int64_t now_us);  // halves, at most once in a second

 private:
  void decide(double rate);

  const std::uint32_t most_;
  std::uint32_t limit_;
  bool rising_ = true;
  double last_rate_ = 0;  // bytes/s of the window before
  std::uint64_t bytes_ = 0;
  std::uint32_t done_ = 0, full_ = 0;  // of them, with as many under way as may be
  std::int64_t began_us_ = -1, throttled_us_ = -1;
};

}  // namespace cairn
