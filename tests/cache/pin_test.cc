// A lease that lives pins what it found in near tiers, within half of their capacity, and returns every pin.
#include <gtest/gtest.h>

#include "cache/cache_world.h"

namespace cairn::test {
namespace {

const FakeTier::Options kRam{.name = "ram", .lends = true};
const FakeTier::Options kFile{.name = "file"};

TEST(Pin, HoldsWhatALivingLeaseFoundAndReturnsEveryPin) {
  CacheWorld world({kRam, kFile});
  const auto chunks = chunks_of(1, 10);
  world.plant(0, std::span(chunks).first(4));
  world.plant(0, std::span(chunks).subspan(6, 2));  // behind a hole: not leased, not pinned
  {
    const PrefixLease lease = world.find(chunks);
    EXPECT_EQ(lease.chunks(), 4u);
    EXPECT_EQ(world.fakes[0]->lent(), 0u) << "a load right away needs no pin";
    world.run(60'000);
    EXPECT_EQ(world.fakes[0]->lent(), 4u);
  }
  world.settle();
  EXPECT_EQ(world.fakes[0]->lent(), 0u);
}

TEST(Pin, OfALeaseThatEndedMeanwhileGoesBackAtOnce) {
  CacheWorld world({kRam});
  const auto chunks = chunks_of(1, 3);
  world.plant(0, chunks);
  PrefixLease lease = world.find(chunks);
  world.clock.advance_us(60'000);
  world.cache->advance();  // asks to lend
  lease = PrefixLease();
  world.settle();
  EXPECT_EQ(world.fakes[0]->lent(), 0u);
}

TEST(Pin, TakesAtMostHalfOfTheNearTier) {
  FakeTier::Options small = kRam;
  small.capacity_bytes = 10 * kBlockBytes;
  CacheWorld world({small});
  const auto chunks = chunks_of(1, 8);
  world.plant(0, chunks);
  const PrefixLease lease = world.find(chunks);
  EXPECT_EQ(lease.chunks(), 8u) << "found, though not all pinned";
  world.run(60'000);
  EXPECT_EQ(world.fakes[0]->lent(), 5u);
}

}  // namespace
}  // namespace cairn::test
