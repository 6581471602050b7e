// Bounds hold for all together and for each tenant, and who ends makes room.
#include "http/inflight.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(InflightCounts, HoldBothBounds) {
  InflightCounts counts(5, 3);
  EXPECT_TRUE(counts.fits("a", 3));
  EXPECT_FALSE(counts.fits("a", 4)) << "the tenant's";
  counts.begin("a", 3);
  counts.begin("b", 0);
  EXPECT_FALSE(counts.fits("a"));
  EXPECT_TRUE(counts.fits("b", 2));
  EXPECT_FALSE(counts.fits("b", 3)) << "that of all";
  counts.begin("b", 2);
  EXPECT_EQ(counts.all(), 5u);
  EXPECT_FALSE(counts.fits("c"));
  counts.end("a");
  EXPECT_TRUE(counts.fits("a") && counts.fits("c"));
  for (const char* tenant : {"a", "a", "b", "b"}) counts.end(tenant);
  EXPECT_EQ(counts.all(), 0u);
}

TEST(InflightCountsDeath, WhatDidNotBeginDoesNotEnd) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(InflightCounts(1, 1).end("a"), "had not begun");
}

}  // namespace
}  // namespace cairn
