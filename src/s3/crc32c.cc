#include "s3/crc32c.h"

#include <aws/checksums/crc.h>

#include <array>
#include <string_view>

namespace cairn {

void Crc32c::update(std::span<const std::byte> bytes) {
  value_ = aws_checksums_crc32c_ex(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), value_);
}

std::string Crc32c::base64() const {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::uint64_t bits = std::uint64_t{value_} << 4;  // 36 bits: six digits
  std::string text;
  for (int at = 30; at >= 0; at -= 6) text += kDigits[(bits >> at) & 63];
  return text + "==";
}

}  // namespace cairn
