// One instance without its front end: model, tiers, cache, connector and engine, wired and running. Members stand in
// the order of construction; stop() takes them down in two phases.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/serve_options.h"
#include "cache/tiered_cache.h"
#include "connector/connector.h"
#include "engine/engine.h"
#include "engine/engine_thread.h"
#include "kv/identity.h"
#include "model/forward.h"
#include "model/weights.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

namespace cairn {

struct StackPaths {
  std::string model_dir;
  std::string model_name;         // label of metrics and of the API
  std::string fingerprint_cache;  // file; empty: none
};

struct StackDeps {
  Clock& clock;
  Metrics& metrics;
  Log& log;
};

class Stack {
 public:
  // Blocks: loads the model, takes and touches memory, opens the stores. Errors are one line.
  static Result<std::unique_ptr<Stack>> start(const StackPaths& paths, const ServeOptions& options,
                                              const StackDeps& deps);
  ~Stack();

  Engine& engine() { return *engine_; }
  const ModelSpec& spec() const { return weights_->spec(); }
  const Forward& forward() const { return *forward_; }
  const std::vector<std::string>& tiers() const { return tier_descriptions_; }
  const StoreIdentity& identity() const { return identity_; }

  // Accepts nothing new, finishes requests, then pending stores, all until `deadline`. False: something still hangs in
  // a kernel call; leave by _exit.
  bool stop(const Clock& clock, Deadline deadline);

 private:
  Stack() = default;
  Result<void> load_model(const StackPaths& paths, const ServeOptions& options);
  Result<void> open_cache(const StackPaths& paths, const ServeOptions& options, const StackDeps& deps);
  Result<void> start_engine(const StackPaths& paths, const ServeOptions& options, const StackDeps& deps);

  std::unique_ptr<ModelWeights> weights_;
  std::unique_ptr<Forward> forward_;
  StoreIdentity identity_;
  std::unique_ptr<BlockLayout> layout_;
  std::vector<std::string> tier_descriptions_;
  std::unique_ptr<DevicePages> pages_;
  std::unique_ptr<TieredCache> cache_;
  std::unique_ptr<CacheThread> cache_thread_;
  std::unique_ptr<Connector> connector_;
  std::unique_ptr<CpuRunner> runner_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<EngineThread> engine_thread_;
};

}  // namespace cairn
