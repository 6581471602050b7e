// The local generator. One step thread drives it (engine_thread.h); front ends call start and cancel from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "api/generator.h"
#include "base/clock.h"
#include "connector/connector.h"
#include "engine/config.h"
#include "engine/inbox.h"
#include "engine/probe.h"
#include "engine/runner.h"
#include "engine/scheduler.h"
#include "telemetry/log.h"

namespace cairn {

// What the engine has to know of the model beside running it.
struct EngineModel {
  std::string name;  // label of metrics
  std::uint32_t context_tokens = 0;
  std::vector<TokenId> eos_tokens;
};

struct EngineDeps {
  DevicePages& pages;
  Connector& connector;
  ModelRunner& runner;
  Clock& clock;
  Metrics& metrics;
  Log& log;
};

class Engine final : public Generator {
 public:
  // `config` is valid (checked).
  Engine(const EngineConfig& config, EngineModel model, const EngineDeps& deps);
  ~Engine() override;  // checked: every request has ended

  Result<RequestId> start(Request request, TokenSink& sink) override;
  void cancel(RequestId id) override { inbox_.cancel(id); }
  GeneratorLimits limits() const override { return limits_; }

  // Step thread: one turn. False: nothing was computed; wait before the next.
  bool step();
  // Step thread: until something may have changed; short while transfers are under way.
  void wait();

  // Any thread: the three parts of a drain.
  void close() { inbox_.close(); }
  void cancel_all() { inbox_.cancel_all(); }
  void wake() { inbox_.wake(); }
  bool ended() const { return inbox_.live() == 0; }                                 // no request is open
  bool quiet() const { return ended() && quiet_.load(std::memory_order_acquire); }  // and no transfer under way

 private:
  struct Live {
    TokenSink* sink = nullptr;
    Sampling sampling;
    std::uint64_t seed = 0;
    std::int64_t started_us = 0, admitted_us = -1, last_token_us = 0;
    std::int64_t load_began_us = 0, load_us = 0;  // the last load's start; of all loads
    std::uint32_t prompt_tokens = 0, output_tokens = 0;
  };

  void take_mail();
  void take_transfers();
  Result<std::vector<Token>> run(const Step& step);
  Result<std::vector<Token>> sample_step(const Step& step, std::span<const float> logits);
  void note_admitted(const Step& step);
  void account_prompts(const Step& step);
  CacheUse cache_use(RequestId id, const Live& live);
  void deliver(const Step& step, std::span<const Token> tokens, std::span<const Ended> ended);
  bool fail(const Step& step, const Error& error);
  void end(RequestId id, Result<Finish> finish);
  void report(const Step& step);
  static double seconds_between(std::int64_t from_us, std::int64_t to_us) {
    return static_cast<double>(to_us - from_us) * 1e-6;
  }
  double since(std::int64_t at_us) const { return seconds_between(at_us, clock_.now_us()); }

  const EngineModel model_;
  const GeneratorLimits limits_;
  Connector& connector_;
  ModelRunner& runner_;
  Clock& clock_;
  Log& log_;
  Inbox inbox_;
  EngineProbe probe_;
  Scheduler scheduler_;
  std::map<RequestId, Live> live_;  // step thread only
  std::atomic<bool> quiet_{true};
};

}  // namespace cairn
