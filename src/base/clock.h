// Time as a dependency: nothing outside base reads a system clock, so a test can replay any schedule.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

namespace cairn {

// Microseconds on a monotonic clock; the origin has no meaning.
struct Deadline {
  std::int64_t at_us = std::numeric_limits<std::int64_t>::max();
  static Deadline never() { return {}; }
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t now_us() const = 0;        // monotonic; any thread
  virtual std::int64_t unix_time_us() const = 0;  // wall clock, for people and file ages only; any thread
  Deadline after_us(std::int64_t delay_us) const { return {now_us() + delay_us}; }
  bool passed(Deadline deadline) const { return now_us() >= deadline.at_us; }
};

class SystemClock final : public Clock {
 public:
  std::int64_t now_us() const override;
  std::int64_t unix_time_us() const override;
};

// A clock that moves only when told. Any thread may read or advance.
class VirtualClock final : public Clock {
 public:
  std::int64_t now_us() const override { return now_us_.load(std::memory_order_acquire); }
  std::int64_t unix_time_us() const override { return 1'700'000'000'000'000 + now_us(); }
  void advance_us(std::int64_t delay_us) { now_us_.fetch_add(delay_us, std::memory_order_acq_rel); }

 private:
  std::atomic<std::int64_t> now_us_{0};
};

// CPU time of the calling thread in microseconds (benchmarks: work per CPU-second).
std::int64_t thread_cpu_us();

}  // namespace cairn
