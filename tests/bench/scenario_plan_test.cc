// Property: a plan that cannot be run is refused before anything starts, with a line that names what is wrong.
#include "bench/scenario_plan.h"

#include <gtest/gtest.h>

#include <functional>

namespace cairn {
namespace {

ScenarioPlan small() {
  ScenarioPlan plan;
  plan.model = "m";
  plan.contexts = {"1600", "400"};
  plan.scenarios = {"device: --ram-bytes 0", "ram: --ram-bytes 64MiB",
                    "ram + store: --ram-bytes=64MiB --store file://{store}?read_bytes_per_s=100MB"};
  plan.users = 4;
  plan.rounds = 5;
  return plan;
}
constexpr PlanFigures kFigures{1000, 1 * kGiB, 100, 8192};
constexpr MachineRoom kRoom{20 * kGiB, 20 * kGiB};

TEST(ScenarioPlan, AScenarioIsANameAndFlags) {
  const std::vector<Scenario> parsed = small().parsed_scenarios();
  ASSERT_EQ(parsed.size(), 3u);
  EXPECT_EQ(parsed[2].name, "ram + store");
  EXPECT_EQ(parsed[2].flags.size(), 3u);
  EXPECT_EQ(parsed[2].ram_bytes, 64 * kMiB);
  EXPECT_TRUE(parsed[2].has_store);
  EXPECT_FALSE(parsed[0].keeps());
  EXPECT_TRUE(parsed[1].keeps());
  EXPECT_TRUE(parsed[2].has_flag("--ram-bytes"));
  EXPECT_FALSE(parsed[2].has_flag("--ram"));
}

TEST(ScenarioPlan, WhoDiffersByAStoreIsAPair) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(store_pairs(small().parsed_scenarios()), (Pairs{{"ram", "ram + store"}}));
  ScenarioPlan plan = small();
  plan.scenarios.push_back("other: --ram-bytes 32MiB --store file://{store}");
  EXPECT_EQ(store_pairs(plan.parsed_scenarios()).size(), 1u);
}

TEST(ScenarioPlan, LengthsAreAscendingAndEachHasItsWorkload) {
  EXPECT_EQ(small().context_words(), (std::vector<std::uint32_t>{400, 1600}));
  const QaWorkload workload = small().workload(400);
  EXPECT_EQ(workload.history_words, 400u);
  EXPECT_TRUE(workload.validate());
}

TEST(ScenarioPlan, WhatIsWrongIsNamed) {
  const std::vector<std::pair<std::string, std::function<void(ScenarioPlan&)>>> cases = {
      {"contexts: 'many'", [](ScenarioPlan& plan) { plan.contexts = {"many"}; }},
      {"contexts: 400 stands twice", [](ScenarioPlan& plan) { plan.contexts = {"400", "400"}; }},
      {"--ram-bytes is needed", [](ScenarioPlan& plan) { plan.scenarios = {"device: --threads 1"}; }},
      {"a name, a colon", [](ScenarioPlan& plan) { plan.scenarios = {"--ram-bytes 0"}; }},
      {"--listen", [](ScenarioPlan& plan) { plan.scenarios = {"a: --ram-bytes 0 --listen=:8000"}; }},
      {"key of the plan", [](ScenarioPlan& plan) { plan.scenarios = {"a: --ram-bytes 0 --chunk-tokens 16"}; }},
      {"'a' stands twice", [](ScenarioPlan& plan) { plan.scenarios = {"a: --ram-bytes 0", "a: --ram-bytes 1"}; }},
      {"time", [](ScenarioPlan& plan) { plan.time = 0; }},
      {"drain", [](ScenarioPlan& plan) { plan.drain = -1; }},
      {"repeats", [](ScenarioPlan& plan) { plan.repeats = 0; }},
      {"instances", [](ScenarioPlan& plan) { plan.instances = 0; }},
      {"qps", [](ScenarioPlan& plan) { plan.qps = 0; }},
      {"rounds", [](ScenarioPlan& plan) { plan.rounds = 1; }},
      {"work", [](ScenarioPlan& plan) { plan.work = "a?b"; }},
  };
  ASSERT_TRUE(small().validate());
  for (const auto& [expected, spoil] : cases) {
    ScenarioPlan plan = small();
    spoil(plan);
    const Result<void> valid = plan.validate();
    ASSERT_FALSE(valid) << expected;
    EXPECT_NE(valid.error().detail.find(expected), std::string::npos) << valid.error().detail;
  }
}

TEST(ScenarioPlan, WhatDoesNotFitIsSaidWithBothFigures) {
  ASSERT_TRUE(check_fit(small(), kFigures, kRoom)) << check_fit(small(), kFigures, kRoom).error().detail;
  const auto refusal = [](const ScenarioPlan& plan, const PlanFigures& figures, const MachineRoom& room) {
    const Result<void> fits = check_fit(plan, figures, room);
    return fits ? "it fits" : fits.error().detail;
  };
  EXPECT_NE(refusal(small(), kFigures, {2 * kGiB, 20 * kGiB}).find("2.0 GiB"), std::string::npos);
  EXPECT_NE(refusal(small(), kFigures, {20 * kGiB, 1 * kMiB}).find("1.0 MiB"), std::string::npos);
  EXPECT_NE(refusal(small(), {1000, 1, 100, 1000}, kRoom).find("at most 1000"), std::string::npos);
  EXPECT_NE(refusal(small(), {1'000'000, 1, 100, 8192}, kRoom).find("device_kv_bytes"), std::string::npos);
  ScenarioPlan plan = small();
  plan.contexts.clear();
  EXPECT_NE(refusal(plan, kFigures, kRoom).find("contexts"), std::string::npos);
}

TEST(ScenarioPlan, NeedsFollowTheCells) {
  ScenarioPlan plan = small();
  const PlanNeeds once = needs_of(plan, kFigures);
  EXPECT_EQ(once.cells, 6u);
  EXPECT_EQ(once.memory_bytes, 2 * (1 * kGiB + 256 * kMiB + 64 * kMiB));
  EXPECT_GT(once.seed_tokens, 5u * (400 + 1600 + 2 * 96));
  EXPECT_GE(once.total_s, 6 * 60.0 + once.seed_s);
  plan.repeats = 3;
  const PlanNeeds thrice = needs_of(plan, kFigures);
  EXPECT_EQ(thrice.cells, 18u);
  EXPECT_EQ(thrice.seed_tokens, once.seed_tokens) << "computed once";
  plan.best_repeats = 2;
  EXPECT_EQ(needs_of(plan, kFigures).cells, 24u) << "of one length";
  plan.scenarios = {"device: --ram-bytes 0"};
  EXPECT_EQ(needs_of(plan, kFigures).disk_bytes, 0u) << "nothing keeps anything";
}

TEST(ScenarioPlan, ThePlanIsSaid) {
  const std::string text = plan_text(small(), kFigures);
  for (const char* part : {"2 instances", "400, 1600 words", "ram + store: --ram-bytes=64MiB", "6 cells", "of disk"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(duration_text(42.4), "42 s");
  EXPECT_EQ(duration_text(425), "7:05 min");
  EXPECT_EQ(duration_text(7400), "2:03 h");
}

}  // namespace
}  // namespace cairn
