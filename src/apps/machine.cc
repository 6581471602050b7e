#include "apps/machine.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <thread>

#include "base/bytes.h"

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

}  // namespace

std::string machine_description() {
  return processor_name() + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
}

std::uint64_t available_memory_bytes() {
  std::uint64_t available = std::numeric_limits<std::uint64_t>::max();
  std::ifstream meminfo("/proc/meminfo");
  std::string name;
  for (std::string line; std::getline(meminfo, line);) {
    if (line.rfind("MemAvailable:", 0) == 0) available = std::stoull(line.substr(13)) * 1024;
  }
  for (const auto& [limit, used] :
       {std::pair{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        std::pair{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}}) {
    const auto most = number_in(limit);
    if (most) available = std::min(available, *most - std::min(*most, number_in(used).value_or(0)));
  }
  return available;
}

Result<void> check_memory(const char* what, std::uint64_t wanted) {
  const std::uint64_t available = available_memory_bytes();
  if (wanted <= available) return {};
  return Error{ErrorCode::kExhausted, std::string(what) + " asks for " + format_bytes(wanted) + ", but only " +
                                          format_bytes(available) + " of memory are free here: give it less"};
}

}  // namespace cairn
