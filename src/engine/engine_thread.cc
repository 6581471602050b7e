#include "engine/engine_thread.h"

#include "base/mutex.h"

namespace cairn {
namespace {

constexpr std::int64_t kLookUs = 2'000;

// Looks every kLookUs; false when the deadline passed first.
template <class Condition>
bool wait_until(const Clock& clock, Deadline deadline, Condition condition) {
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  while (!condition()) {
    if (clock.passed(deadline)) return false;
    (void)never.wait_for_us(mutex, kLookUs);
  }
  return true;
}

}  // namespace

EngineThread::EngineThread(Engine& engine) : engine_(engine), thread_([this] { turn(); }) {}

EngineThread::~EngineThread() {
  if (!thread_.joinable()) return;
  const SystemClock clock;
  (void)drain(clock, Deadline{0});
}

bool EngineThread::drain(const Clock& clock, Deadline deadline) {
  engine_.close();
  (void)wait_until(clock, deadline, [this] { return engine_.ended(); });
  // Again and again: a request may have been posted between close and the look.
  const Deadline grace = clock.after_us(kSaveGraceUs);
  const bool quiet = wait_until(clock, grace, [this] {
    if (!engine_.ended()) engine_.cancel_all();
    return engine_.quiet();
  });
  stop_.store(true, std::memory_order_release);
  engine_.wake();
  thread_.join();
  return quiet;
}

void EngineThread::turn() {
  while (!stop_.load(std::memory_order_acquire)) {
    if (!engine_.step()) engine_.wait();
  }
}

}  // namespace cairn
