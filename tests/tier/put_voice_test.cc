// Property: whoever reads the log knows whether a store takes blocks, and is not told more than once a minute.
#include "tier/put_voice.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(PutVoice, SaysTheFirstFailureAndTheRecovery) {
  PutVoice voice;
  EXPECT_FALSE(voice.worked());
  EXPECT_TRUE(voice.failed(1000));
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(voice.failed(1000 + i * PutVoice::kQuietUs));
  EXPECT_EQ(voice.worked(), 10u);
  EXPECT_FALSE(voice.worked());
}

TEST(PutVoice, AStoreThatFlapsIsSaidOnceAMinuteAndNoFailureIsForgotten) {
  PutVoice voice;
  std::uint64_t lines = 0, told = 0;
  const std::int64_t step_us = 1'000'000;
  for (std::int64_t now_us = 0; now_us < 10 * PutVoice::kQuietUs; now_us += step_us) {
    lines += voice.failed(now_us) ? 1 : 0;
    told += voice.worked().value_or(0);
  }
  EXPECT_EQ(lines, 10u);
  EXPECT_EQ(told, 541u);  // the last minute's stand in the next line
}

}  // namespace
}  // namespace cairn
