// Property: whatever the machine's rate, the demo fits its time, the model and its own rules of proportion.
#include "bench/demo_plan.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

DemoMachine machine_of(double rate) { return {rate, 23'040, 8192, 2, 1}; }

TEST(DemoPlan, FitsEightMinutesAndTheModelAtAnyRate) {
  for (const double rate : {60.0, 120.0, 250.0, 275.0, 400.0, 1000.0, 5000.0, 50'000.0}) {
    const DemoMachine machine = machine_of(rate);
    const ScenarioPlan shape = demo_shape(machine);
    ScenarioPlan plan = demo_plan(shape, machine, shape.qps / 3.5);
    ASSERT_TRUE(plan.validate()) << rate << ": " << plan.validate().error().detail;
    plan.model = "m";
    const PlanFigures figures{machine.kv_bytes_per_token, 300 * kMiB, rate, machine.context_tokens_max};
    const Result<void> fits = check_fit(plan, figures, {1000 * kGiB, 1000 * kGiB});
    EXPECT_TRUE(fits) << rate << ": " << (fits ? "" : fits.error().detail);
    const PlanNeeds needs = needs_of(plan, figures);
    EXPECT_EQ(needs.cells, 12u);
    EXPECT_LE(needs.total_s, rate >= 120 ? 480 : 1200) << rate;
    EXPECT_EQ(plan.context_words().size(), 3u);
  }
}

TEST(DemoPlan, TheLongOneHasThePublishedUsersAndRepeatsItsBestLength) {
  for (const double rate : {60.0, 275.0, 5000.0}) {
    const DemoMachine machine = machine_of(rate);
    const ScenarioPlan shape = demo_shape(machine, DemoLength::kHours);
    ScenarioPlan plan = demo_plan(shape, machine, shape.qps / 3.5);
    plan.model = "m";
    ASSERT_TRUE(plan.validate()) << rate << ": " << plan.validate().error().detail;
    EXPECT_EQ(plan.users, 15u);
    EXPECT_TRUE(plan.rounds == 20 || rate < 250) << plan.rounds;
    EXPECT_EQ(plan.time, 300);
    EXPECT_EQ(plan.context_words().size(), 6u);
    const PlanFigures figures{machine.kv_bytes_per_token, 300 * kMiB, rate, machine.context_tokens_max};
    EXPECT_EQ(needs_of(plan, figures).cells, 4u * (6 + 2));
    const Result<void> fits = check_fit(plan, figures, {1000 * kGiB, 1000 * kGiB});
    EXPECT_TRUE(fits) << rate << ": " << (fits ? "" : fits.error().detail);
  }
}

TEST(DemoPlan, KeepsItsProportions) {
  const DemoMachine machine = machine_of(275);
  const ScenarioPlan shape = demo_shape(machine);
  const ScenarioPlan plan = demo_plan(shape, machine, 0.25);
  EXPECT_DOUBLE_EQ(plan.qps, 0.875) << "3.5 x what is served";
  const std::vector<std::uint32_t> words = plan.context_words();
  const auto set = [&](std::uint32_t context) {
    return plan.users * (context + 48.0 + plan.system_words + 64.0 * plan.rounds / 2) * 23'040;
  };
  const auto ram = static_cast<double>(plan.parsed_scenarios()[1].ram_bytes);
  const auto device = static_cast<double>(plan.device_kv_bytes);
  EXPECT_NEAR(ram / set(words[2]), 0.6, 0.01);
  EXPECT_NEAR(device / set(words[2]), 0.3, 0.03);
  EXPECT_LT(set(words[1]), ram) << "RAM holds the shorter lengths";
  EXPECT_GT(set(words[2]), ram + device) << "and not the longest";
  const double join_gap_s = plan_of(plan.workload(words[2])).join_gap_s;
  EXPECT_GE(join_gap_s, plan.time * 0.8) << "one joins at most";
  const std::vector<Scenario> scenarios = plan.parsed_scenarios();
  ASSERT_EQ(scenarios.size(), 4u);
  EXPECT_NE(scenarios[2].flags.back().find("read_bytes_per_s=15840000&write_bytes_per_s=15840000"), std::string::npos)
      << scenarios[2].flags.back() << ": half of 5 x 23040 x 275";
  EXPECT_NE(scenarios[3].flags.back().find("read_bytes_per_s=3801600"), std::string::npos);
  EXPECT_EQ(store_pairs(scenarios).size(), 2u);
}

TEST(DemoPlan, SaysWhatItDecided) {
  const DemoMachine machine = machine_of(275);
  const ScenarioPlan plan = demo_plan(demo_shape(machine), machine, 0.25);
  std::string all;
  for (const auto& [name, value] : demo_facts(plan, machine, 0.25)) all += name + " " + value + "\n";
  for (const char* part : {"275 tokens/s", "0.250 requests/s", "0.875", "31.7 MB/s", "15.8 MB/s", "7.6 MB/s"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part << " in\n" << all;
  }
}

ScenarioCell cell(const char* scenario, std::uint32_t context, std::uint64_t finished, double ttft_s) {
  ScenarioCell cell;
  cell.scenario = scenario;
  cell.context_words = context;
  cell.summary.finished = finished;
  cell.summary.processing_speed = static_cast<double>(finished) / 10;
  cell.summary.ttft_with_cut_s.mean = ttft_s;
  return cell;
}

TEST(DemoPlan, TheSlowStoreIsABucketWhereSomebodyServesOne) {
  const DemoMachine machine = machine_of(275);
  ScenarioPlan shape = demo_shape(machine);
  EXPECT_FALSE(demo_plan(shape, machine, 0.25).parsed_scenarios()[3].in_bucket);
  shape.bucket_server = "tools/bucket_server";
  const ScenarioPlan plan = demo_plan(shape, machine, 0.25);
  const std::vector<Scenario> scenarios = plan.parsed_scenarios();
  EXPECT_FALSE(scenarios[2].in_bucket);
  EXPECT_TRUE(scenarios[3].in_bucket && scenarios[3].has_store);
  EXPECT_NE(scenarios[3].flags.back().find("{bucket}&read_bytes_per_s="), std::string::npos);
  EXPECT_TRUE(plan.validate());
  EXPECT_EQ(store_pairs(scenarios).size(), 2u);
}

TEST(DemoPlan, EveryBrokenPromiseIsALine) {
  const DemoMachine machine = machine_of(275);
  const ScenarioPlan plan = demo_plan(demo_shape(machine), machine, 0.25);
  const std::uint32_t longest = plan.context_words()[2];
  ScenarioResults good;
  good.scenarios = {kDemoDevice, kDemoRam, kDemoFast, kDemoSlow};
  good.contexts = {longest};
  good.answers_equal = true;
  good.cells = {cell(kDemoDevice, longest, 10, 8), cell(kDemoRam, longest, 12, 6), cell(kDemoFast, longest, 20, 2),
                cell(kDemoSlow, longest, 9, 7)};
  EXPECT_EQ(demo_shortfalls(plan, good), std::vector<std::string>());
  const auto lines = [&](auto spoil) {
    ScenarioResults results = good;
    spoil(results);
    return demo_shortfalls(plan, results).size();
  };
  EXPECT_EQ(lines([](ScenarioResults& results) { results.answers_equal = false; }), 1u);
  EXPECT_EQ(lines([](ScenarioResults& results) { results.answers_equal.reset(); }), 1u);
  EXPECT_EQ(lines([](ScenarioResults& results) { results.cells[2].summary.ttft_with_cut_s.mean = 5; }), 1u);
  EXPECT_EQ(lines([](ScenarioResults& results) { results.cells[2].summary.processing_speed = 1.2; }), 1u);
  EXPECT_EQ(lines([](ScenarioResults& results) { results.cells[3].summary.finished = 8; }), 1u) << "0.9 x 12 - 2 = 8.8";
  EXPECT_EQ(lines([](ScenarioResults& results) { results.cells.erase(results.cells.begin() + 2); }), 2u);
}

}  // namespace
}  // namespace cairn
