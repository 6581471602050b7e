// XXH3 with seed 0 gives the published values, and the streamed digest equals the one-shot digest for every cut.
#include "kv/checksum.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace cairn {
namespace {

std::vector<std::byte> random_payload(std::size_t size) {
  Random random(7);
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
  return bytes;
}

TEST(Checksum, GivesThePublishedValueOfNothing) {
  EXPECT_EQ(xxh3_64({}), 0x2d06800538d394c2u);
  EXPECT_EQ(xxh3_128({}), (Checksum128{.low = 0x6001c324468d497fu, .high = 0x99aa06d3014798d8u}));
}

TEST(Checksum, StreamEqualsOneShotForEveryCut) {
  const auto bytes = random_payload(5000);
  const Checksum128 whole = xxh3_128(bytes);
  Xxh3Stream stream;
  for (const std::size_t cut : {0, 1, 16, 240, 241, 1024, 4096, 4999, 5000}) {
    EXPECT_TRUE(stream.empty());
    stream.update(ByteSpan(bytes).first(cut));
    EXPECT_EQ(stream.empty(), cut == 0);
    stream.update(ByteSpan(bytes).subspan(cut));
    EXPECT_EQ(stream.finish(), whole) << cut;
  }
}

TEST(Checksum, EveryBitCounts) {
  auto bytes = random_payload(300);
  const Checksum128 whole = xxh3_128(bytes);
  const std::uint64_t half = xxh3_64(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    EXPECT_NE(xxh3_128(bytes), whole);
    EXPECT_NE(xxh3_64(bytes), half);
    bytes[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
  }
}

}  // namespace
}  // namespace cairn
