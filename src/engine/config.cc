#include "engine/config.h"

#include <string>

namespace cairn {
namespace {

Result<void> within(const char* name, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
  if (value >= least && value <= most) return {};
  return invalid(std::string(name) + " is " + std::to_string(value) + "; it must be " + std::to_string(least) + " to " +
                 std::to_string(most));
}

}  // namespace

Result<void> EngineConfig::validate() const {
  CAIRN_TRY_VOID(within("device_kv_bytes", device_kv_bytes, 1, 1ull << 50));
  CAIRN_TRY_VOID(within("step_tokens_max", step_tokens_max, 1, 65536));
  CAIRN_TRY_VOID(within("mixed_step_tokens", mixed_step_tokens, 1, 65536));
  CAIRN_TRY_VOID(within("sequences_max", sequences_max, 1, 65536));
  CAIRN_TRY_VOID(within("queue_max", queue_max, 1, 1u << 20));
  CAIRN_TRY_VOID(within("threads", threads, 0, 256));
  if (sequences_max > step_tokens_max) {
    return invalid("sequences_max is " + std::to_string(sequences_max) + "; it must not exceed step_tokens_max, " +
                   std::to_string(step_tokens_max) + ", since each sequence needs a token of every step");
  }
  return {};
}

}  // namespace cairn
