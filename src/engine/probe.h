// What the engine tells about itself, as events. Names and labels of metrics stand in probe.cc only; those that begin
// with vllm: are what dashboards and autoscalers for vLLM read. What a client sees of its request (time to the first
// token, whole time, why it ended) is serve's to tell: no series has two writers. Step thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/generator.h"
#include "telemetry/metrics.h"

namespace cairn {

class EngineProbe {
 public:
  struct Pool {
    std::uint32_t page_tokens = 0, pages = 0;
  };
  EngineProbe(Metrics& metrics, const std::string& model_name, const Pool& pool);

  // Just before its first token.
  void prompt_done(const CacheUse& use);
  void token(double seconds_since_last);  // each later one
  void generated(std::uint64_t tokens);
  void ended(double seconds_since_admission);
  void preempted(std::uint64_t sequences);
  void step(std::uint32_t tokens);
  struct State {
    std::size_t running = 0, waiting = 0;
    std::size_t deferred = 0;  // of `waiting`: not for want of room
    double pages_in_use = 0;   // share
  };
  void state(const State& now);

 private:
  Labels with(Labels more) const;

  Metrics& metrics_;
  Labels labels_;
  Gauge &running_, &waiting_, &waiting_for_room_, &deferred_, &usage_;
  Counter &device_queries_, &device_hits_, &external_queries_, &external_hits_;
  Counter &prompt_tokens_, &cached_tokens_, &generation_tokens_, &preemptions_;
  Counter &from_device_, &from_tiers_, &from_compute_;
  Histogram &queued_, &prefill_, &inference_, &computed_, &inter_token_, &step_tokens_;
};

}  // namespace cairn
