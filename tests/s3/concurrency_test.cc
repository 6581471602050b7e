// Property: the limit finds the place where more transfers bring no more, stays within its bounds, and falls when asked
// to.
#include "s3/concurrency.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

// A service that moves `peak` bytes a microsecond with `best` transfers and less with other numbers.
double rate_with(std::uint32_t transfers, std::uint32_t best, double loss) {
  const double peak = 1000;
  if (transfers <= best) return peak * transfers / best;
  return peak * std::max(0.1, 1 - loss * (transfers - best));
}

std::uint32_t settle(Concurrency& limit, std::uint32_t best, double loss, int transfers, std::int64_t& now_us) {
  constexpr std::uint64_t kBytes = 8'000'000;
  std::uint64_t sum = 0;
  std::uint32_t counted = 0;
  for (int i = 0; i < transfers; ++i) {
    now_us += static_cast<std::int64_t>(kBytes / rate_with(limit.limit(), best, loss));
    limit.on_done(kBytes, limit.limit(), now_us);
    if (i > transfers / 2) sum += limit.limit(), ++counted;
  }
  return static_cast<std::uint32_t>(sum / counted);
}

TEST(Concurrency, SettlesWhereMoreBringsNoMore) {
  for (const std::uint32_t best : {2u, 4u, 12u, 40u}) {
    Concurrency limit(128);
    std::int64_t now_us = 0;
    const std::uint32_t found = settle(limit, best, 0.02, 20'000, now_us);
    EXPECT_GE(found + 2, best * 7 / 10) << best;
    EXPECT_LE(found, best * 2 + 3) << best;
  }
}

TEST(Concurrency, NeverLeavesItsBounds) {
  for (const std::uint32_t most : {1u, 2u, 7u}) {
    Concurrency limit(most);
    std::int64_t now_us = 0;
    for (int i = 0; i < 5000; ++i) {
      now_us += 1 + (i * 7919) % 5000;
      if (i % 97 == 0) limit.on_throttled(now_us);
      limit.on_done(1'000'000, limit.limit(), now_us);
      ASSERT_GE(limit.limit(), 1u);
      ASSERT_LE(limit.limit(), most);
    }
  }
}

TEST(Concurrency, OurOwnLackOfWorkSaysNothing) {
  Concurrency limit(64);
  std::int64_t now_us = 0;
  for (int i = 0; i < 1000; ++i) limit.on_done(8'000'000, 1, now_us += 50'000);
  EXPECT_EQ(limit.limit(), 4u);
}

TEST(Concurrency, HalvesOnceASecondWhenTheServiceSaysSo) {
  Concurrency limit(64);
  std::int64_t now_us = 0;
  settle(limit, 40, 0.02, 5000, now_us);
  const std::uint32_t before = limit.limit();
  limit.on_throttled(now_us);
  limit.on_throttled(now_us + 10);
  EXPECT_EQ(limit.limit(), before / 2);
  limit.on_throttled(now_us + 2'000'000);
  EXPECT_EQ(limit.limit(), before / 4);
}

}  // namespace
}  // namespace cairn
