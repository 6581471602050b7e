// Events are bounded; who reads too late is told how many are lost.
#include "cache/events.h"

#include <gtest/gtest.h>

#include "cache/fake_tier.h"

namespace cairn::test {
namespace {

TEST(Events, AreBoundedAndLossIsTold) {
  EventQueue events(3);
  for (std::uint32_t i = 0; i < 5; ++i) events.push({CacheEvent::Kind::kStored, 0, {chunk_of(1, i), 0}});
  const auto taken = events.take();
  ASSERT_EQ(taken.events.size(), 3u);
  EXPECT_EQ(taken.events[0].block.chunk.index, 2u);
  EXPECT_EQ(taken.lost, 2u);
  EXPECT_EQ(events.take().lost, 0u);
}

}  // namespace
}  // namespace cairn::test
