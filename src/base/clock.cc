#include "base/clock.h"

#include <ctime>

namespace cairn {
namespace {

std::int64_t read_us(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

std::int64_t SystemClock::now_us() const { return read_us(CLOCK_MONOTONIC); }
std::int64_t SystemClock::unix_time_us() const { return read_us(CLOCK_REALTIME); }
std::int64_t thread_cpu_us() { return read_us(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace cairn
