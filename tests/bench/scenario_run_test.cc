// Property: every cell of the plan runs on its own fleet with its own flags, what fails is a row with a reason, and
// whatever ends the run leaves neither children nor stores.
#include "bench/scenario_run.h"

#include <gtest/gtest.h>

#include "bench/chat_server.h"
#include "bench/fake_cairn.h"
#include "bench/scenario_findings.h"
#include "support/temporary_directory.h"

namespace cairn {
namespace {

using test::ChatServer;
namespace fs = std::filesystem;

class ScenarioRunTest : public ::testing::Test {
 protected:
  ScenarioRunTest() {
    plan_.model = "models/small";
    plan_.contexts = {"10", "20"};
    plan_.scenarios = {"device: --ram-bytes 0", "store: --ram-bytes 1MiB --store file://{store}?durability=none"};
    plan_.users = 3;
    plan_.rounds = 3;
    plan_.qps = 20;
    plan_.time = 0.5;
    plan_.drain = 5;
    plan_.warm_up = 0;
    plan_.request_timeout = 30;
  }
  Result<ScenarioResults> run(const std::string& script = "", ChatServer::Planner planner = {}) {
    if (!planner) planner = [](auto, auto) { return ChatServer::Plan{}; };
    server_ = std::make_unique<ChatServer>(std::move(planner));
    const std::string url = server_->base_url().substr(0, server_->base_url().size() - 3);
    fake_.emplace(folder_.path(), url, script);
    if (!work_) work_.emplace(WorkDirectory::open(fs::path(folder_.path()) / "work", FoundDirectory::kRefuse).value());
    rows_ = 0;
    return run_scenarios(
        plan_, *work_, {},
        {clock_,
         stop_,
         fake_->program(),
         {"PATH=/usr/bin:/bin"},
         progress_,
         {},
         [this](const ScenarioResults& so_far, const ScenarioCell&) { EXPECT_EQ(so_far.cells.size(), rows_++); }});
  }

  test::TemporaryDirectory folder_;
  const SystemClock clock_;
  std::atomic<bool> stop_{false};
  ScenarioPlan plan_;
  std::function<void(const std::string&)> progress_;
  std::unique_ptr<ChatServer> server_;
  std::optional<test::FakeCairn> fake_;
  std::optional<WorkDirectory> work_;
  std::size_t rows_ = 0;
};

TEST_F(ScenarioRunTest, EveryCellRunsInTheOrderOfThePlan) {
  plan_.contexts = {"20", "10"};
  const Result<ScenarioResults> results = run();
  ASSERT_TRUE(results) << results.error().detail;
  ASSERT_EQ(results->cells.size(), 4u);
  EXPECT_EQ(rows_, 4u);
  EXPECT_EQ(results->contexts, (std::vector<std::uint32_t>{10, 20}));
  for (std::size_t i = 0; i < 4; ++i) {
    const ScenarioCell& cell = results->cells[i];
    EXPECT_EQ(cell.context_words, i < 2 ? 20u : 10u);
    EXPECT_EQ(cell.scenario, i % 2 == 0 ? "device" : "store");
    EXPECT_EQ(cell.failure, "");
    EXPECT_GT(cell.summary.finished, 0u);
    EXPECT_EQ(cell.unfinished, 0u);
    EXPECT_GT(cell.tokens_by_source.at("ram"), 0u) << "of the instances' own pages";
    EXPECT_GT(cell.elapsed_s, 0.5);
  }
  EXPECT_EQ(results->answers_equal, true);
  EXPECT_GT(results->answers_compared, 0u);
  EXPECT_EQ(results->context_tokens.at(10), 50u);
  EXPECT_TRUE(is_good(*results));
  EXPECT_FALSE(results->interrupted);
  const std::string words = fake_->words();
  EXPECT_NE(words.find("--store file://" + work_->store().string() + "?durability=none"), std::string::npos) << words;
  EXPECT_NE(words.find("--ram-bytes 0 --device-kv-bytes"), std::string::npos) << "the seed has no RAM tier: " << words;
  EXPECT_NE(words.find("--warm-from file://" + work_->seed(10).string()), std::string::npos);
  EXPECT_FALSE(fs::exists(work_->store()));
}

TEST_F(ScenarioRunTest, TheBestLengthIsRunAgainAtTheEnd) {
  plan_.best_repeats = 1;
  const Result<ScenarioResults> results = run();
  ASSERT_TRUE(results) << results.error().detail;
  ASSERT_EQ(results->cells.size(), 6u);
  EXPECT_EQ(results->cells_planned, 6u);
  ScenarioResults before = *results;
  before.cells.resize(4);
  ASSERT_TRUE(best_point(before));
  EXPECT_EQ(results->cells[4].context_words, best_point(before)->context_words);
  EXPECT_EQ(results->cells[4].scenario, "device");
  EXPECT_EQ(results->cells[5].scenario, "store");
  for (const std::size_t i : {4, 5}) {
    EXPECT_EQ(results->cells[i].repeat, 1u);
    EXPECT_EQ(results->cells[i].context_words, results->cells[4].context_words);
  }
}

TEST_F(ScenarioRunTest, APairWhoseStoreSeemsToCostSomethingRunsAgain) {
  plan_.contexts = {"20", "10"};
  plan_.scenarios = {"ram: --ram-bytes 1MiB", "store: --ram-bytes 1MiB --store file://{store}?durability=none"};
  plan_.best_repeats = 1;
  std::atomic<std::size_t> cells{0};  // so many are done
  progress_ = [&](const std::string&) { cells = rows_; };
  const Result<ScenarioResults> results = run("", [&cells](auto, auto) {
    ChatServer::Plan plan;
    plan.first_us = cells == 0 || cells == 3 ? 200'000 : 2000;  // 20 words without the store, 10 words with it
    return plan;
  });
  ASSERT_TRUE(results) << results.error().detail;
  ASSERT_EQ(results->cells.size(), 8u);
  EXPECT_EQ(results->cells_planned, 8u);
  EXPECT_TRUE(results->is_whole());
  for (const std::size_t i : {4, 5}) EXPECT_EQ(results->cells[i].context_words, 20u) << "the best";
  for (const std::size_t i : {6, 7}) {
    EXPECT_EQ(results->cells[i].context_words, 10u) << "the one that seemed to cost";
    EXPECT_EQ(results->cells[i].repeat, 1u);
  }
  EXPECT_EQ(results->cells[6].scenario, "ram");
  EXPECT_EQ(results->cells[7].scenario, "store");
}

TEST_F(ScenarioRunTest, WithoutSeedEverybodyIsCold) {
  plan_.seed = false;
  plan_.contexts = {"10"};
  const Result<ScenarioResults> results = run();
  ASSERT_TRUE(results);
  EXPECT_EQ(fake_->words().find("--warm-from"), std::string::npos);
  EXPECT_GE(results->cells.at(0).cold_sessions, 4u);
}

TEST_F(ScenarioRunTest, OtherAnswersAreListed) {
  std::atomic<int> turn{0};  // the same question gets longer answers every time
  const Result<ScenarioResults> results = run("", [&turn](auto, auto) {
    ChatServer::Plan plan;
    plan.pieces = 1 + turn++;
    return plan;
  });
  ASSERT_TRUE(results);
  EXPECT_EQ(results->answers_equal, false);
  EXPECT_FALSE(results->differing.empty());
  EXPECT_FALSE(is_good(*results));
}

TEST_F(ScenarioRunTest, ACellThatDoesNotStartIsARowAndTheNextOneRuns) {
  plan_.contexts = {"10"};
  plan_.scenarios.insert(plan_.scenarios.begin(), "broken: --ram-bytes 0 --isa none");
  const std::string script = "case \"$*\" in *'--isa none'*) echo no such kernels; exit 1;; esac";
  const Result<ScenarioResults> results = run(script);
  ASSERT_TRUE(results);
  ASSERT_EQ(results->cells.size(), 3u);
  EXPECT_NE(results->cells[0].failure.find("no such kernels"), std::string::npos) << results->cells[0].failure;
  EXPECT_EQ(results->cells[1].failure, "");
  EXPECT_FALSE(is_good(*results));
}

TEST_F(ScenarioRunTest, OrItEndsThere) {
  plan_.stop_at_failure = true;
  plan_.scenarios.insert(plan_.scenarios.begin(), "broken: --ram-bytes 0 --isa none");
  const Result<ScenarioResults> results = run("case \"$*\" in *'--isa none'*) exit 1;; esac");
  ASSERT_TRUE(results);
  EXPECT_EQ(results->cells.size(), 1u);
}

TEST_F(ScenarioRunTest, AChildThatDiesUnderLoadIsTheCellsFailure) {
  plan_.contexts = {"10"};
  plan_.time = 60;  // it ends long before
  plan_.seed = false;
  const std::string script = "[ $verb = serve ] && (sleep 0.3; echo out of luck; kill -9 $$) &";
  const Result<ScenarioResults> results = run(script);
  ASSERT_TRUE(results);
  ASSERT_EQ(results->cells.size(), 2u);
  EXPECT_NE(results->cells[0].failure.find("signal 9"), std::string::npos) << results->cells[0].failure;
  EXPECT_NE(results->cells[0].failure.find("out of luck"), std::string::npos) << results->cells[0].failure;
}

TEST_F(ScenarioRunTest, AStopLeavesWhatThereIs) {
  plan_.time = 60;
  plan_.drain = 60;
  int ticks = 0;
  progress_ = [&](const std::string& line) {
    if (line.find(" done") != std::string::npos && ++ticks == 5) stop_ = true;
  };
  const Result<ScenarioResults> results = run("", [](auto, std::uint32_t question) {
    ChatServer::Plan plan;
    if (question > 2) plan.fault = ChatServer::Plan::Fault::kHang;  // is not awaited
    return plan;
  });
  ASSERT_TRUE(results);
  EXPECT_TRUE(results->interrupted);
  ASSERT_EQ(results->cells.size(), 1u);
  EXPECT_EQ(results->cells[0].failure, "broken off");
  EXPECT_FALSE(is_good(*results));
  EXPECT_FALSE(fs::exists(work_->seed(10)));
}

TEST_F(ScenarioRunTest, ARunThatStoppedGoesOnWithTheCellsThatAreMissing) {
  int cells = 0;
  progress_ = [&](const std::string& line) {
    if (line.starts_with("device, 20 words: starts") && ++cells == 1) stop_ = true;
  };
  const Result<ScenarioResults> first = run();
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->interrupted);
  ASSERT_EQ(first->cells.size(), 2u);
  stop_ = false;
  progress_ = {};
  fs::remove(fs::path(folder_.path()) / "words");
  const Result<ScenarioResults> second = run();
  ASSERT_TRUE(second) << second.error().detail;
  EXPECT_FALSE(second->interrupted);
  ASSERT_EQ(second->cells.size(), 4u);
  for (const std::size_t i : {0, 1}) {
    EXPECT_EQ(second->cells[i].summary.window.end_s, first->cells[i].summary.window.end_s) << "not run again";
    EXPECT_EQ(second->cells[i].scenario, first->cells[i].scenario);
  }
  EXPECT_EQ(second->context_tokens.at(10), 50u);
  EXPECT_GT(second->answers_compared, first->answers_compared);
  EXPECT_EQ(fake_->words().find(work_->seed(10).string()), std::string::npos) << "nor its seed computed again";
  EXPECT_NE(fake_->words().find(work_->seed(20).string()), std::string::npos);
}

TEST_F(ScenarioRunTest, WithoutASeedNothingRuns) {
  const Result<ScenarioResults> results = run("case $ready in *seed*) echo disk is full; exit 1;; esac");
  ASSERT_FALSE(results);
  EXPECT_NE(results.error().detail.find("disk is full"), std::string::npos);
  EXPECT_EQ(rows_, 0u);
}

}  // namespace
}  // namespace cairn
