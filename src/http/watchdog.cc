#include "http/watchdog.h"

#include <utility>

namespace cairn {

Watchdog::Watchdog(HttpLoop& loop, std::function<void()> bark) : bark_(std::move(bark)), timer_(loop) {}

void Watchdog::arm(std::uint32_t timeout_ms) {
  if (timeout_ms == 0) return disarm();
  deadline_ = clock_.after_us(std::int64_t{timeout_ms} * 1000);
  if (deadline_.at_us < wakes_.at_us) wait_until(deadline_);
}

void Watchdog::wait_until(Deadline deadline) {
  wakes_ = deadline;
  timer_.start(deadline.at_us - clock_.now_us(), [this] { woke(); });
}

void Watchdog::woke() {
  wakes_ = Deadline::never();
  if (deadline_.at_us == wakes_.at_us) return;  // disarmed meanwhile
  if (!clock_.passed(deadline_)) return wait_until(deadline_);
  deadline_ = Deadline::never();
  const auto bark = bark_;  // this may be destroyed in the call
  bark();
}

}  // namespace cairn
