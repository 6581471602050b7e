#include "apps/machine.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <thread>

#include "base/bytes.h"
#include "io/memory.h"

namespace cairn {
namespace {

std::optional<std::uint64_t> number_in(const char* path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;  // absent, or "max"
}

// The processor's own words; nothing that would break out of a quoted string.
std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string name;
  for (std::string line; std::getline(cpuinfo, line) && name.empty();) {
    if (line.rfind("model name", 0) == 0) name = line.substr(std::min(line.size(), line.find(':') + 2));
  }
  std::erase_if(name, [](char c) { return c < ' ' || c == '"' || c == '\\'; });
  return name.empty() ? "unknown processor" : name;
}

// What is left of a limit on this process's address space (ulimit -v).
std::uint64_t address_space_left() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t used =
      number_in("/proc/self/statm").value_or(0) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return limit.rlim_cur - std::min<std::uint64_t>(limit.rlim_cur, used);
}

}  // namespace

std::uint64_t available_memory_bytes() {
  std::uint64_t available = address_space_left();
  std::ifstream meminfo("/proc/meminfo");
  std::string name;
  for (std::string line; std::getline(meminfo, line);) {
    if (line.rfind("MemAvailable:", 0) == 0)
      available = std::min<std::uint64_t>(available, std::stoull(line.substr(13)) * 1024);
  }
  for (const auto& [limit, used] :
       {std::pair{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        std::pair{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}}) {
    const auto most = number_in(limit);
    if (most) available = std::min(available, *most - std::min(*most, number_in(used).value_or(0)));
  }
  return available - std::min(available, MemoryRegion::untouched_bytes_of_all());  // promised to our own regions
}

std::string machine_description() {
  return processor_name() + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
}

Result<void> check_memory(const char* what, std::uint64_t wanted) {
  const std::uint64_t available = available_memory_bytes();
  if (wanted <= available) return {};
  return Error{ErrorCode::kExhausted, std::string(what) + " asks for " + format_bytes(wanted) + ", but only " +
                                          format_bytes(available) + " of memory are free here: give it less"};
}

Result<void> check_forward_memory(const ModelSpec& spec, const ForwardConfig& config, const char* tokens_name) {
  const std::uint64_t available = available_memory_bytes(), wanted = forward_bytes(spec, config);
  if (wanted <= available) return {};
  ForwardConfig one = config;
  one.step_tokens_max = 1;
  const std::uint64_t least = forward_bytes(spec, one);
  const std::string free = "only " + format_bytes(available) + " of memory are free here";
  if (least > available) {
    return Error{ErrorCode::kExhausted, "the model needs " + format_bytes(least) + " for its weights, but " + free};
  }
  ForwardConfig two = config;
  two.step_tokens_max = 2;
  const std::uint64_t fits = 1 + (available - least) / (forward_bytes(spec, two) - least);
  return Error{ErrorCode::kExhausted, std::string(tokens_name) + " is " + std::to_string(config.step_tokens_max) +
                                          " and asks for " + format_bytes(wanted) + ", but " + free + ": at most " +
                                          std::to_string(fits) + " fit"};
}

}  // namespace cairn
