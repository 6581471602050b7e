// Seeded randomness (splitmix64): the same seed gives the same sequence on every machine. And the one door to the
// system's entropy. Not for keys or secrets except `random_bytes`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cairn {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  bool chance(double probability) { return uniform() < probability; }

 private:
  std::uint64_t state_;
};

// Fills `bytes` from the kernel's generator; never fails (the process ends if the kernel refuses).
void random_bytes(std::span<std::uint8_t> bytes);
std::string random_hex(std::size_t bytes);  // so many of them, as lower-case hex: for names that must not meet
std::uint64_t random_u64();

}  // namespace cairn
