// Configuration of the engine. Absent: the default; broken: refused at start.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace cairn {

struct EngineConfig {
  std::uint64_t device_kv_bytes = 1 * kGiB;
  std::uint32_t step_tokens_max = 256, mixed_step_tokens = 64;
  std::uint32_t sequences_max = 64;
  std::uint32_t queue_max = 1024;
  std::uint32_t threads = 0;
  bool save_decode_cache = true;

  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    v.field("device_kv_bytes", &EngineConfig::device_kv_bytes, "memory of the KV pages that the model computes on");
    v.field("step_tokens_max", &EngineConfig::step_tokens_max, "tokens computed in one step, over all sequences");
    v.field("mixed_step_tokens", &EngineConfig::mixed_step_tokens,
            "prompt tokens, at most, of a step that also gives others their next token: fewer make answers steadier");
    v.field("sequences_max", &EngineConfig::sequences_max, "sequences loading or running at a time");
    v.field("queue_max", &EngineConfig::queue_max, "requests that may wait; more are refused");
    v.field("threads", &EngineConfig::threads, "compute threads; 0: all cores");
    v.field("save_decode_cache", &EngineConfig::save_decode_cache, "save the KV of generated tokens too");
  }
};

}  // namespace cairn
