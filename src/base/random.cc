#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/check.h"

namespace cairn {

void random_bytes(std::span<std::uint8_t> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = getrandom(bytes.data() + done, bytes.size() - done, 0);
    CAIRN_CHECK(got > 0 || errno == EINTR, "the kernel gives no random bytes");
    if (got <= 0) continue;
    done += static_cast<std::size_t>(got);
  }
}

}  // namespace cairn
