// Property: no minute, wherever it begins, has more than the bound; what was refused takes nobody's place.
#include "tier/per_minute.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(PerMinute, TheOldestMakesRoomAMinuteLater) {
  PerMinute bound(3);
  for (const std::int64_t now_us : {10, 20, 30}) EXPECT_TRUE(bound.take(now_us));
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(bound.take(9 + PerMinute::kMinuteUs)) << "refusals are not counted";
  EXPECT_TRUE(bound.take(10 + PerMinute::kMinuteUs));
  EXPECT_FALSE(bound.take(19 + PerMinute::kMinuteUs));
  EXPECT_TRUE(bound.take(20 + PerMinute::kMinuteUs));
}

TEST(PerMinute, NoneAtAll) {
  PerMinute bound(0);
  EXPECT_FALSE(bound.take(1));
  EXPECT_FALSE(bound.take(1 + 10 * PerMinute::kMinuteUs));
}

}  // namespace
}  // namespace cairn
