// The step thread: turns the engine while there is work, waits otherwise. One per engine.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "engine/engine.h"

namespace cairn {

class EngineThread {
 public:
  static constexpr std::int64_t kSaveGraceUs = 10'000'000;  // for saves after the last request ended

  explicit EngineThread(Engine& engine);
  ~EngineThread();  // drains without grace if drain() was not called

  // Accepts nothing new, lets requests finish until `deadline`, cancels the rest, waits for saves under way, stops.
  // Any one thread, once. False: transfers were still under way after kSaveGraceUs.
  bool drain(const Clock& clock, Deadline deadline);

 private:
  void turn();
  Engine& engine_;
  std::atomic<bool> stop_{false};
  std::thread thread_;  // last: it uses the members above
};

}  // namespace cairn
