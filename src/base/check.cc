#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cairn {

void check_failed(const char* file, int line, const char* expression, const char* message) noexcept {
  std::fprintf(stderr, "cairn: bug at %s:%d: %s is false: %s\n", file, line, expression, message);
  std::abort();
}

}  // namespace cairn
