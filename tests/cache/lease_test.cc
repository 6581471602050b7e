// What a lease pinned goes back exactly once, when the last of its holders is gone, from whatever thread.
#include "cache/lease.h"

#include <gtest/gtest.h>

#include <thread>

#include "cache/fake_tier.h"

namespace cairn::test {
namespace {

TEST(Lease, ReturnsItsPinsWhenTheLastHolderIsGone) {
  CompletionQueue queue;
  const auto box = std::make_shared<ReturnBox>(queue);
  auto state = std::make_shared<LeaseState>(box);
  state->chunks = chunks_of(1, 2);
  state->lent.push_back({{chunk_of(1, 0), 0}, {}, 0});
  PrefixLease lease(state);
  EXPECT_EQ(lease.chunks(), 2u);
  EXPECT_EQ(box->leases(), 1u);
  PrefixLease moved = std::move(lease);
  moved = PrefixLease();
  EXPECT_TRUE(box->take().empty()) << "a load still holds it";
  std::thread([held = std::move(state)]() mutable { held.reset(); }).join();
  EXPECT_EQ(box->take().size(), 1u);
  EXPECT_TRUE(box->take().empty());
  EXPECT_EQ(box->leases(), 0u);
}

TEST(Lease, OutlivesTheCachesQueue) {
  auto queue = std::make_unique<CompletionQueue>();
  const auto box = std::make_shared<ReturnBox>(*queue);
  auto state = std::make_shared<LeaseState>(box);
  state->lent.push_back({{chunk_of(1, 0), 0}, {}, 0});
  box->detach();
  queue.reset();
  state.reset();
  EXPECT_EQ(box->leases(), 0u);
}

TEST(Lease, EmptyHasNoChunks) { EXPECT_EQ(PrefixLease().chunks(), 0u); }

}  // namespace
}  // namespace cairn::test
