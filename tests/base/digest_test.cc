// Digests and tags are plain values: ordered by their bytes, shown in lower-case hexadecimal.
#include "base/digest.h"

#include <gtest/gtest.h>

#include <unordered_set>

namespace cairn {
namespace {

TEST(Digest, IsShownInLowerCaseHexadecimal) {
  const std::uint8_t bytes[] = {0x00, 0x0f, 0xa5, 0xff};
  EXPECT_EQ(to_hex(bytes, 4), "000fa5ff");
  EXPECT_EQ(to_hex(bytes, 0), "");
  Digest digest;
  digest.bytes[0] = 0xab;
  EXPECT_EQ(to_hex(digest), "ab" + std::string(62, '0'));
  EXPECT_EQ(to_hex(PrincipalTag{}), std::string(32, '0'));
}

TEST(Digest, ComparesByItsBytesFromTheFirst) {
  Digest low, high;
  low.bytes[31] = 0xff;
  high.bytes[0] = 1;
  EXPECT_LT(low, high);
  EXPECT_EQ(low, low);
  for (std::size_t at = 0; at < 32; ++at) {
    Digest other = low;
    other.bytes[at] ^= 1;
    EXPECT_NE(other, low) << at;
  }
}

TEST(PrincipalTag, IsZeroOnlyWhenEveryByteIs) {
  EXPECT_TRUE(PrincipalTag{}.is_zero());
  for (std::size_t at = 0; at < 16; ++at) {
    PrincipalTag tag;
    tag.bytes[at] = 1;
    EXPECT_FALSE(tag.is_zero()) << at;
  }
}

TEST(Digest, WorksInUnorderedContainers) {
  std::unordered_set<Digest> digests;
  for (std::uint8_t last = 0; last < 200; ++last) {
    Digest digest;  // equal first words: the container must still tell them apart
    digest.bytes[31] = last;
    digests.insert(digest);
    digests.insert(digest);
  }
  EXPECT_EQ(digests.size(), 200u);
}

}  // namespace
}  // namespace cairn
