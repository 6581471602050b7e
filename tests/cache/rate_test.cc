// Measured bandwidth follows what a tier does now; nothing measured means nothing is claimed.
#include "cache/rate.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Rate, IsNotMeasuredBeforeBytesMoved) {
  RateMeter meter;
  meter.observe_latency(500);
  EXPECT_FALSE(meter.rate().measured());
  EXPECT_EQ(meter.rate().time_us(1 << 30), 0);
}

TEST(Rate, ConvergesToTheLatestSpeed) {
  RateMeter meter;
  for (int i = 0; i < 10; ++i) meter.observe_bytes(1'000'000, 1000);
  EXPECT_NEAR(meter.rate().bytes_per_s, 1e9, 1e6);
  for (int i = 0; i < 40; ++i) meter.observe_bytes(1'000'000, 100'000);
  EXPECT_NEAR(meter.rate().bytes_per_s, 1e7, 1e6);
}

TEST(Rate, BatchesThatEndTogetherShareTheirTime) {
  RateMeter meter;
  for (int i = 0; i < 40; ++i) meter.observe_bytes(1'000'000, i % 2 == 0 ? 2000 : 0);
  EXPECT_NEAR(meter.rate().bytes_per_s, 1e9, 2e8);
}

TEST(Rate, PredictsLatencyPlusTransfer) {
  RateMeter meter;
  meter.observe_latency(300);
  meter.observe_bytes(1'000'000, 1000);
  EXPECT_NEAR(meter.rate().time_us(2'000'000), 2300, 1);
}

}  // namespace
}  // namespace cairn
