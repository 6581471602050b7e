// CRC-32C (Castagnoli) in the form of x-amz-checksum-crc32c. A value; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cairn {

class Crc32c {
 public:
  void update(std::span<const std::byte> bytes);
  std::uint32_t value() const { return value_; }
  std::string base64() const;  // of the four bytes, the highest first

 private:
  std::uint32_t value_ = 0;
};

}  // namespace cairn
