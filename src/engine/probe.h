// What the engine tells about itself, as events. Names and labels of metrics stand in probe.cc only; those that begin
// with vllm: are what dashboards and autoscalers for vLLM read. Step thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/generator.h"
#include "telemetry/metrics.h"

namespace cairn {

class EngineProbe {
 public:
  EngineProbe(Metrics& metrics, const std::string& model_name);

  void prompt_done(const CacheUse& use, double seconds_since_start);  // just before its first token
  void token(double seconds_since_last);                              // each later one
  void generated(std::uint64_t tokens);
  void ended(std::string_view reason, double seconds_since_start);  // "stop", "length", "abort", "error"
  void preempted(std::uint64_t sequences);
  void step(std::uint32_t tokens);
  void state(std::size_t running, std::size_t waiting, double pages_in_use);

 private:
  Labels with(std::string_view name, std::string_view value) const;

  Metrics& metrics_;
  Labels labels_;
  Gauge &running_, &waiting_, &usage_;
  Counter &device_queries_, &device_hits_, &external_queries_, &external_hits_;
  Counter &prompt_tokens_, &generation_tokens_, &preemptions_;
  Histogram &first_token_, &inter_token_, &whole_request_, &step_tokens_;
};

}  // namespace cairn
