// Properties of the choice: fair in turn, never a fuller backend, sessions stay where they are.
#include "route/policy.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace cairn {
namespace {

std::vector<BackendLoad> idle(std::uint32_t count) {
  std::vector<BackendLoad> backends;
  for (std::uint32_t i = 0; i < count; ++i) backends.push_back({i, 0});
  return backends;
}

TEST(RoutePolicy, NobodyIsChosenAmongNobody) {
  for (const auto policy : {RoutePolicy::kRoundRobin, RoutePolicy::kLeastLoaded, RoutePolicy::kSession})
    EXPECT_EQ(choose_backend(policy, {3, "x"}, {}), std::nullopt);
}

TEST(RoutePolicy, RoundRobinTakesEachInTurnWhateverItsLoad) {
  auto backends = idle(3);
  backends[1].inflight = 100;
  std::map<BackendId, int> counts;
  for (std::uint64_t turn = 0; turn < 300; ++turn)
    ++counts[*choose_backend(RoutePolicy::kRoundRobin, {turn, "same"}, backends)];
  EXPECT_EQ(counts, (std::map<BackendId, int>{{0, 100}, {1, 100}, {2, 100}}));
}

TEST(RoutePolicy, LeastLoadedNeverTakesAFullerOneAndTakesEqualsInTurn) {
  const std::vector<BackendLoad> backends = {{4, 2}, {7, 1}, {8, 5}, {9, 1}};
  std::map<BackendId, int> counts;
  for (std::uint64_t turn = 0; turn < 100; ++turn)
    ++counts[*choose_backend(RoutePolicy::kLeastLoaded, {turn, ""}, backends)];
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[7] + counts[9], 100);
  EXPECT_GE(counts[7], 25);
  EXPECT_GE(counts[9], 25);
}

TEST(RoutePolicy, ASessionStaysAndOnlyThoseOfALostBackendMove) {
  const auto all = idle(5);
  std::vector<BackendLoad> without = all;
  without.erase(without.begin() + 2);
  std::map<BackendId, int> counts;
  for (int i = 0; i < 5000; ++i) {
    const std::string session = "user-" + std::to_string(i);
    const BackendId before = *choose_backend(RoutePolicy::kSession, {std::uint64_t(i), session}, all);
    EXPECT_EQ(before, *choose_backend(RoutePolicy::kSession, {std::uint64_t(i) + 1, session}, all));
    const BackendId after = *choose_backend(RoutePolicy::kSession, {0, session}, without);
    EXPECT_TRUE(before == 2 || after == before) << session;
    ++counts[before];
  }
  for (const auto& [backend, count] : counts) EXPECT_NEAR(count, 1000, 120) << backend;
  EXPECT_EQ(counts.size(), 5u);
}

TEST(RoutePolicy, WithoutASessionTheLeastLoadedIsTaken) {
  EXPECT_EQ(choose_backend(RoutePolicy::kSession, {0, ""}, std::vector<BackendLoad>{{0, 3}, {1, 0}, {2, 9}}), 1u);
}

TEST(RoutePolicy, NamesAreTheOptionsWords) {
  EXPECT_EQ(to_string(RoutePolicy::kRoundRobin), "round-robin");
  EXPECT_EQ(to_string(RoutePolicy::kLeastLoaded), "least-loaded");
  EXPECT_EQ(to_string(RoutePolicy::kSession), "session");
}

}  // namespace
}  // namespace cairn
