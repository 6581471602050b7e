// Property: whoever reads the log knows whether a store takes blocks, and is not told more than once a minute.
#include "tier/put_voice.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

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

TEST(PutVoice, FromManyThreadsEachFailureIsToldOnce) {
  PutVoice voice;
  std::atomic<std::int64_t> minutes{0};
  std::atomic<std::uint64_t> told{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        voice.failed(minutes.fetch_add(1) * PutVoice::kQuietUs);
        told.fetch_add(voice.worked().value_or(0));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  voice.failed(minutes.fetch_add(1) * PutVoice::kQuietUs);
  EXPECT_EQ(told + voice.worked().value_or(0), 4001u);
}

}  // namespace
}  // namespace cairn
