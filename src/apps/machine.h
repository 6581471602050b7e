// What this machine, or this container, has free. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "model/forward.h"
#include "model/spec.h"

namespace cairn {

// One line that tells whose figures these are: processor and cores.
std::string machine_description();
// Bytes that can be taken now: MemAvailable, bounded by what is left of the control group's limit.
std::uint64_t available_memory_bytes();
// kExhausted, one line naming both figures, when `wanted` for `what` exceeds what is free.
Result<void> check_memory(const char* what, std::uint64_t wanted);
// The same for packed weights and the buffers of a step; `tokens_name` is the setting behind step_tokens_max.
Result<void> check_forward_memory(const ModelSpec& spec, const ForwardConfig& config, const char* tokens_name);

}  // namespace cairn
