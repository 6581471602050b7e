// What is let in: pure decisions over values.
#pragma once

#include <cstdint>

namespace cairn {

struct ByteBudget {
  std::uint64_t used_bytes = 0, bytes_max = 0;
};
// Work under way: one piece always fits, else a block larger than the bound could never move.
inline bool admits_transfer(const ByteBudget& budget, std::uint64_t bytes) {
  return budget.used_bytes == 0 || budget.used_bytes + bytes <= budget.bytes_max;
}
// Background stores wait in memory that serves nobody else meanwhile: what does not fit is dropped.
inline bool admits_write_through(const ByteBudget& budget, std::uint64_t bytes) {
  return budget.used_bytes + bytes <= budget.bytes_max;
}
// Pins of leases may take half of a lending tier; beyond, prefixes are found without a pin.
inline bool admits_pins(std::uint64_t pinned_bytes, std::uint64_t bytes, std::uint64_t capacity_bytes) {
  return pinned_bytes + bytes <= capacity_bytes / 2;
}

}  // namespace cairn
