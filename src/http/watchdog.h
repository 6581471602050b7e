// A bound in time that is set anew with every byte: setting it costs no timer, so that a stream may do so for each
// token. Loop thread.
#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "http/loop.h"

namespace cairn {

class Watchdog {
 public:
  // `bark` is called once for each time that an arm() ran out; it may arm again, and may destroy this.
  Watchdog(HttpLoop& loop, std::function<void()> bark);
  void arm(std::uint32_t timeout_ms);  // from now; instead of the bound before. 0: no bound
  void disarm() { deadline_ = Deadline::never(); }

 private:
  void wait_until(Deadline deadline);
  void woke();

  const SystemClock clock_;
  const std::function<void()> bark_;
  LoopTimer timer_;
  Deadline deadline_, wakes_;  // the timer runs until wakes_, which is never after an earlier deadline_
};

}  // namespace cairn
