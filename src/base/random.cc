#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "base/digest.h"

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

std::string random_hex(std::size_t bytes) {
  std::vector<std::uint8_t> random(bytes);
  random_bytes(random);
  return to_hex(random.data(), random.size());
}

std::uint64_t random_u64() {
  std::array<std::uint8_t, 8> bytes;
  random_bytes(bytes);
  return load_le<std::uint64_t>(bytes.data());
}

}  // namespace cairn
