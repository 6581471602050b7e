#include "apps/serve_options.h"

#include <algorithm>

#include "apps/machine.h"
#include "apps/stores.h"
#include "base/bytes.h"
#include "http/api_keys.h"
#include "model/kernel_select.h"

namespace cairn {

Result<void> check_isa(const std::string& isa) {
  if (isa.empty()) return {};
  std::string names;
  for (const KernelTable* table : all_kernels()) {
    if (isa == table->name) return {};
    names += (names.empty() ? "" : ", ") + std::string(table->name);
  }
  return invalid("isa is '" + isa + "': " + names + ", or empty for the best this machine has");
}

Result<void> ServeWords::validate() const {
  if (chunk_tokens % 16 != 0 || chunk_tokens > 65536) {
    return invalid("chunk_tokens is " + std::to_string(chunk_tokens) + ": a multiple of the page, 16, up to 65536");
  }
  CAIRN_TRY_VOID(check_stores(*this));
  CAIRN_TRY_VOID(check_warm_from(*this));
  CAIRN_TRY_VOID(check_isa(isa));
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

Result<void> ServeOptions::check() const {
  if (server.api_keys.empty()) return {};
  const Result<ApiKeys> keys = ApiKeys::make(server.api_keys);
  if (!keys) return Error{keys.error().code, "server." + keys.error().detail};
  return {};
}

void ServeOptions::bind(OptionSet& options) {
  options.add("", "Instance", words);
  options.add("engine", "Engine", engine);
  options.add("cache", "Cache", cache);
  options.add("server", "Server", server);
  options.accept_lmcache();
}

}  // namespace cairn
