// Measured bandwidth follows what a tier does now; nothing measured means nothing is claimed.
#include "cache/rate.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Rate, IsNotMeasuredBeforeBytesMoved) {
  RateMeter meter;
  meter.observe_latency(500);
  EXPECT_FALSE(meter.measured().measured());
  EXPECT_EQ(meter.measured().time_us(1 << 30), 0);
}

TEST(Rate, ConvergesToTheLatestSpeed) {
  RateMeter meter;
  for (int i = 0; i < 10; ++i) meter.observe_bytes(1'000'000, 1000, 0);
  EXPECT_NEAR(meter.measured().bytes_per_s, 1e9, 1e6);
  for (int i = 0; i < 40; ++i) meter.observe_bytes(1'000'000, 100'000, 0);
  EXPECT_NEAR(meter.measured().bytes_per_s, 1e7, 1e6);
}

TEST(Rate, BatchesThatEndTogetherShareTheirTime) {
  RateMeter meter;
  for (int i = 0; i < 40; ++i) meter.observe_bytes(1'000'000, i % 2 == 0 ? 2000 : 0, 0);
  EXPECT_NEAR(meter.measured().bytes_per_s, 1e9, 2e8);
}

TEST(Rate, PredictsLatencyPlusTransfer) {
  RateMeter meter;
  meter.observe_latency(300);
  meter.observe_bytes(1'000'000, 1000, 0);
  EXPECT_NEAR(meter.measured().time_us(2'000'000), 2300, 1);
}

constexpr std::int64_t kMinute = 60'000'000;

// A tier that measured too slow is not read from, so nothing would ever tell that it has recovered.
TEST(Rate, IsExpectedToDoubleEachMinuteOnceNothingWasHeardForOne) {
  RateMeter meter;
  EXPECT_FALSE(meter.expected(100 * kMinute).measured());
  meter.observe_bytes(1'000'000, 1'000'000, 5 * kMinute);
  EXPECT_NEAR(meter.expected(6 * kMinute).bytes_per_s, 1e6, 1);
  EXPECT_NEAR(meter.expected(7 * kMinute).bytes_per_s, 2e6, 1);
  EXPECT_NEAR(meter.expected(9 * kMinute).bytes_per_s, 8e6, 1);
  EXPECT_NEAR(meter.expected(1000 * kMinute).bytes_per_s, 1e6 * 1024 * 1024 * 1024, 1e6) << "bounded";
  EXPECT_NEAR(meter.measured().bytes_per_s, 1e6, 1);
  meter.observe_bytes(1'000'000, 1'000'000, 9 * kMinute);
  EXPECT_NEAR(meter.expected(9 * kMinute).bytes_per_s, 1e6, 1) << "what is measured counts again";
}

TEST(Rate, OneFastReadAfterMinutesOutweighsASlowPast) {
  RateMeter meter;
  for (int i = 0; i < 20; ++i) meter.observe_bytes(1'000'000, 1'000'000, 0);
  meter.observe_bytes(1'000'000, 1000, 2 * kMinute);
  EXPECT_NEAR(meter.measured().bytes_per_s, 1e9, 1);
}

TEST(Rate, EachStallHalvesWhatIsExpectedUntilBytesComeAgain) {
  RateMeter meter;
  meter.observe_stall(1'000'000, 200'000, 0);
  EXPECT_FALSE(meter.measured().measured());
  EXPECT_NEAR(meter.expected(0).bytes_per_s, 2.5e6, 1) << "half of what would just have been enough";
  meter.observe_stall(1'000'000, 200'000, 0);
  EXPECT_NEAR(meter.expected(0).bytes_per_s, 1.25e6, 1) << "each further one halves it";
  EXPECT_NEAR(meter.expected(2 * kMinute).bytes_per_s, 2.5e6, 1);
  meter.observe_bytes(1'000'000, 1000, 0);
  EXPECT_NEAR(meter.expected(0).bytes_per_s, 1e9, 1);
  meter.observe_stall(1'000'000, 200'000, 0);
  EXPECT_NEAR(meter.measured().bytes_per_s, 1e9, 1) << "a stall is no measurement";
  EXPECT_NEAR(meter.expected(0).bytes_per_s, 5e8, 1) << "a fast tier may hesitate once";
}

}  // namespace
}  // namespace cairn
