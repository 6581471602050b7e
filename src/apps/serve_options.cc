#include "apps/serve_options.h"

#include <algorithm>

#include "apps/machine.h"
#include "base/bytes.h"

namespace cairn {

Result<void> ServeWords::validate() const {
  if (chunk_tokens % 16 != 0 || chunk_tokens > 65536) {
    return invalid("chunk_tokens is " + std::to_string(chunk_tokens) + ": a multiple of the page, 16, up to 65536");
  }
  for (const std::string_view level : {"debug", "info", "warning", "error"}) {
    if (log_level == level) return {};
  }
  return invalid("log_level is '" + log_level + "': debug, info, warning or error");
}

ServeOptions::ServeOptions() {
  const std::uint64_t eighth = available_memory_bytes() / 8;
  engine.device_kv_bytes = std::clamp<std::uint64_t>(eighth, 64 * kMiB, 1 * kGiB) / kMiB * kMiB;
  words.ram_bytes = std::clamp<std::uint64_t>(eighth, 64 * kMiB, 4 * kGiB) / kMiB * kMiB;
}

void ServeOptions::bind(OptionSet& options) {
  options.add("", "Instance", words);
  options.add("engine", "Engine", engine);
  options.add("cache", "Cache", cache);
  options.add("server", "Server", server);
}

}  // namespace cairn
