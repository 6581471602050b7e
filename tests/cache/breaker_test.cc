// A breaker opens on consecutive errors or too many corrupt blocks, and closes only by an answer.
#include "cache/breaker.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

using Kind = Breaker::Kind;
using State = Breaker::State;

TEST(Breaker, OpensAtTheLimitOfConsecutiveErrorsOnly) {
  Breaker breaker(3, 1000);
  EXPECT_FALSE(breaker.bad(Kind::kData, 0));
  EXPECT_FALSE(breaker.bad(Kind::kData, 0));
  breaker.good(Kind::kData);
  EXPECT_FALSE(breaker.bad(Kind::kData, 0));
  EXPECT_FALSE(breaker.bad(Kind::kData, 0));
  EXPECT_TRUE(breaker.allows());
  EXPECT_TRUE(breaker.bad(Kind::kData, 5));
  EXPECT_FALSE(breaker.allows());
  EXPECT_EQ(breaker.probe_at_us(), 1005);
}

TEST(Breaker, AnswersToQuestionsDoNotHideTransfersThatFail) {
  Breaker breaker(2, 1000);
  breaker.bad(Kind::kData, 0);
  breaker.good(Kind::kProbe);
  EXPECT_TRUE(breaker.bad(Kind::kData, 0));
}

TEST(Breaker, HalfOpenClosesOnAnAnswerAndReopensLongerOnAnError) {
  Breaker breaker(5, 1000);
  for (int i = 0; i < 5; ++i) breaker.bad(Kind::kProbe, 0);
  breaker.begin_probe();
  EXPECT_EQ(breaker.state(), State::kHalfOpen);
  EXPECT_FALSE(breaker.allows());
  EXPECT_TRUE(breaker.bad(Kind::kProbe, 1000));
  EXPECT_EQ(breaker.probe_at_us(), 3000);
  breaker.begin_probe();
  breaker.good(Kind::kProbe);
  EXPECT_TRUE(breaker.allows());
  EXPECT_TRUE(breaker.bad(Kind::kData, 4000)) << "on trial: one error is enough";
  EXPECT_LE(breaker.probe_at_us(), 4000 + 1000 * Breaker::kBackoffMax);
  breaker.begin_probe();
  breaker.good(Kind::kProbe);
  breaker.good(Kind::kData);
  EXPECT_FALSE(breaker.bad(Kind::kData, 9000)) << "trusted again";
}

TEST(Breaker, SeventeenCorruptBlocksAMinuteOpenItSixteenDoNot) {
  Breaker breaker(5, 1000);
  for (int i = 0; i < 16; ++i) EXPECT_FALSE(breaker.corrupt(i * 1'000'000));
  EXPECT_FALSE(breaker.corrupt(60'000'000)) << "the first is a minute old";
  EXPECT_TRUE(breaker.corrupt(60'500'000));
}

}  // namespace
}  // namespace cairn
