// Property: each copy kernel equals memcpy for every alignment of both sides and every tail, and touches no byte
// beyond.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "io/copy.h"

namespace cairn {
namespace {

constexpr std::size_t kVector = 16, kTurn = 64;  // what the kernel stores at once, and per turn of its loop

TEST(CopyTails, EveryAlignmentAndTailEqualsMemcpy) {
  constexpr std::size_t kBytesMax = 3 * kTurn + kVector;
  Random random(11);
  std::vector<std::byte> from(kBytesMax + 2 * kVector);
  for (std::byte& byte : from) byte = static_cast<std::byte>(random.next());
  alignas(kTurn) std::byte into[kBytesMax + 3 * kVector], expected[sizeof into];
  for (const CopyFunction copy : {&copy_cached, &copy_streaming}) {
    for (std::size_t to = 0; to < kVector; ++to) {
      for (std::size_t at = 0; at < kVector; ++at) {
        for (std::size_t bytes = 0; bytes <= kBytesMax; ++bytes) {
          std::memset(into, 0x5a, sizeof into);
          std::memset(expected, 0x5a, sizeof expected);
          copy(into + kVector + to, from.data() + at, bytes);
          std::memcpy(expected + kVector + to, from.data() + at, bytes);
          ASSERT_EQ(std::memcmp(into, expected, sizeof into), 0) << bytes << " bytes from " << at << " to " << to;
        }
      }
    }
  }
}

TEST(CopyTails, NoBytesMeansNoStore) {
  std::byte one{7};
  const std::byte other{8};
  for (const CopyFunction copy : {&copy_cached, &copy_streaming}) copy(&one, &other, 0);
  EXPECT_EQ(one, std::byte{7});
}

TEST(CopyTails, AClockThatStandsStillStillGivesAChoice) {
  const VirtualClock clock;
  const CopyChoice choice = measure_copy(clock);
  EXPECT_EQ(choice.copy, &copy_cached) << "equally fast: the plain one";
  EXPECT_STREQ(choice.name, "memcpy");
}

}  // namespace
}  // namespace cairn
