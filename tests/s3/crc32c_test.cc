// Property: the checksum is the published one.
#include "s3/crc32c.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

// The check value of the algorithm's catalogue, and the base64 of its four bytes.
TEST(Crc32c, IsCastagnolis) {
  Crc32c crc;
  const std::string digits = "123456789";
  crc.update(std::as_bytes(std::span(digits.data(), 4)));
  crc.update(std::as_bytes(std::span(digits.data() + 4, 5)));
  EXPECT_EQ(crc.value(), 0xE3069283u);
  EXPECT_EQ(crc.base64(), "4waSgw==");
}

}  // namespace
}  // namespace cairn
