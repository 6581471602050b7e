// Property: what was counted and what a scan finds agree, in whatever order they come; a capacity is never overdrawn.
#include "tier/file_accounts.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/random.h"

namespace cairn {
namespace {

TEST(FileAccounts, OwnChangesAndScansAgreeInAnyOrder) {
  FileAccounts accounts(2);
  std::vector<std::int64_t> truth(2 * FileAccounts::kFanOut, 0);
  truth[5] = 700;  // was there before
  truth[FileAccounts::kFanOut + 9] = 300;
  Random random(2);
  for (int step = 0; step < 20'000; ++step) {
    const auto shard = static_cast<std::uint32_t>(random.below(2)), fan = static_cast<std::uint32_t>(random.below(12));
    std::int64_t& there = truth[shard * FileAccounts::kFanOut + fan];
    if (random.below(3) == 0) {
      accounts.recount(shard, fan, [&] { return FileAmount{there, there / 100}; });
    } else {
      const std::int64_t by = random.below(2) == 0 || there < 100 ? 100 : -100;
      accounts.change(shard, fan, [&] {
        there += by;
        return FileAmount{by, by / 100};
      });
    }
  }
  std::int64_t sum = 0;
  for (std::uint32_t shard = 0; shard < 2; ++shard) {
    for (std::uint32_t fan = 0; fan < 12; ++fan) {
      const std::int64_t there = truth[shard * FileAccounts::kFanOut + fan];
      accounts.recount(shard, fan, [&] { return FileAmount{there, there / 100}; });
      sum += there;
    }
  }
  EXPECT_EQ(accounts.used_bytes(), static_cast<std::uint64_t>(sum));
  EXPECT_EQ(accounts.blocks(), static_cast<std::uint64_t>(sum / 100));
}

TEST(FileAccounts, WhatCannotBeCountedStaysAsItWasKnown) {
  FileAccounts accounts(1);
  accounts.recount(0, 7, [] { return FileAmount{500, 5}; });
  EXPECT_TRUE(accounts.knows_any(0, 7));
  accounts.recount(0, 7, [] { return std::nullopt; });
  EXPECT_EQ(accounts.used_bytes(), 500u);
  accounts.recount(0, 7, [] { return FileAmount{}; });
  EXPECT_EQ(accounts.used_bytes(), 0u);
  EXPECT_FALSE(accounts.knows_any(0, 7));
}

TEST(FileAccounts, ReservationsNeverOverdrawACapacity) {
  FileAccounts accounts(1);
  std::atomic<std::uint64_t> granted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        if (!accounts.reserve(10, 1005)) continue;
        accounts.change(0, 1, [] { return FileAmount{10, 1}; });
        granted += 10;
        accounts.release(10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(granted, accounts.used_bytes());
  EXPECT_LE(accounts.used_bytes(), 1005u);
  EXPECT_GE(accounts.used_bytes(), 900u);
  EXPECT_EQ(accounts.reserved_bytes(), 0u);
  EXPECT_TRUE(accounts.reserve(1 << 20, 0)) << "no limit";
}

}  // namespace
}  // namespace cairn
