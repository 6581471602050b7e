// Property: every copy kernel copies exactly its bytes, wherever they lie, and measuring is quick.
#include "io/copy.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace cairn {
namespace {

TEST(Copy, CopiesEveryLengthAndOffsetExactly) {
  Random random(4);
  std::vector<std::byte> from(5000);
  for (std::byte& byte : from) byte = static_cast<std::byte>(random.next());
  for (const CopyFunction copy : {&copy_cached, &copy_streaming}) {
    for (int i = 0; i < 3000; ++i) {
      const std::size_t at = random.below(200), to = random.below(200), bytes = random.below(4500);
      std::vector<std::byte> into(5000, std::byte{0x77});
      copy(into.data() + to, from.data() + at, bytes);
      for (std::size_t k = 0; k < into.size(); ++k) {
        const bool inside = k >= to && k < to + bytes;
        ASSERT_EQ(into[k], inside ? from[at + k - to] : std::byte{0x77});
      }
    }
  }
}

TEST(Copy, TheChoiceIsTheFasterOfBoth) {
  const SystemClock clock;
  const CopyChoice choice = measure_copy(clock);
  EXPECT_GT(choice.cached_gb_per_s, 0);
  EXPECT_GT(choice.streaming_gb_per_s, 0);
  EXPECT_EQ(choice.copy == &copy_streaming, choice.streaming_gb_per_s > choice.cached_gb_per_s);
}

}  // namespace
}  // namespace cairn
