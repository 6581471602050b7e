// What a store with a capacity held when it was last counted, in a small file beside its manifest: the next instance
// keeps to the capacity from its first put on, before it has counted for itself. Not the truth, and never needed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/file_calls.h"

namespace cairn {

inline constexpr const char* kUsageName = "usage";
inline constexpr const char* kUsageTemporaryPrefix = ".usage.";

// `directory` of the store, relative to `root`. Nothing: there is none, or it is damaged.
std::optional<std::uint64_t> read_usage(FileCalls& calls, int root, const std::string& directory);
// 0 or -errno; the file before stays on failure.
int write_usage(FileCalls& calls, int root, const std::string& directory, std::uint64_t bytes, unsigned mode);

}  // namespace cairn
