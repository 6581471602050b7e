#include "route/health.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(BackendHealth, IsAskedUntilItIsKnownToBeAway) {
  BackendHealth health({.failures_max = 1});
  EXPECT_TRUE(health.is_up());
  health.check_failed();
  EXPECT_FALSE(health.is_up());
}

TEST(BackendHealth, OneBadCheckIsForgivenSeveralInARowAreNot) {
  BackendHealth health({.failures_max = 3});
  health.check_succeeded();
  for (int i = 0; i < 5; ++i) {
    health.check_failed();
    health.check_failed();
    EXPECT_TRUE(health.is_up());
    health.check_succeeded();
  }
  for (int i = 0; i < 3; ++i) health.check_failed();
  EXPECT_FALSE(health.is_up());
}

TEST(BackendHealth, ComesBackAfterGoodChecksInARow) {
  BackendHealth health({.failures_max = 1, .successes_min = 2});
  health.check_failed();
  health.check_succeeded();
  EXPECT_FALSE(health.is_up());
  health.check_succeeded();
  EXPECT_TRUE(health.is_up());
}

TEST(BackendHealth, ARequestThatFindsNobodyIsEnough) {
  BackendHealth health({.failures_max = 5});
  health.check_succeeded();
  health.request_not_taken();
  EXPECT_FALSE(health.is_up());
  health.check_succeeded();
  EXPECT_TRUE(health.is_up());
}

}  // namespace
}  // namespace cairn
