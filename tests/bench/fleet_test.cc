// Property: a fleet is up as a whole or not at all, and whoever ends before its time is named with its last words.
#include "bench/fleet.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <set>

#include "bench/fake_cairn.h"
#include "support/temporary_directory.h"

namespace cairn {
namespace {

class FleetTest : public ::testing::Test {
 protected:
  FleetPlan plan(const std::string& script = "") {
    fake_.emplace(folder_.path(), "http://127.0.0.1:4321", script);
    FleetPlan plan;
    plan.program = fake_->program();
    plan.environment = {"PATH=/usr/bin:/bin"};
    plan.model = "models/small/";
    plan.serve_flags = {"--ram-bytes", "0"};
    plan.instances = 2;
    plan.policy = "session";
    plan.folder = folder_.path();
    plan.name = "cell";
    return plan;
  }
  Deadline soon() const { return clock_.after_us(30'000'000); }

  test::TemporaryDirectory folder_;
  const SystemClock clock_;
  std::atomic<bool> stop_{false};
  std::optional<test::FakeCairn> fake_;
};

TEST_F(FleetTest, InstancesThenTheRouterBeforeThem) {
  Result<Fleet> fleet = Fleet::start(plan(), clock_, soon(), stop_);
  ASSERT_TRUE(fleet) << fleet.error().detail;
  EXPECT_EQ(fleet->base_url(), "http://127.0.0.1:4321/v1");
  EXPECT_EQ(fleet->metrics_urls(), std::vector<std::string>(2, "http://127.0.0.1:4321/metrics"));
  EXPECT_FALSE(fleet->dead());
  const std::string words = fake_->words();
  EXPECT_NE(words.find("serve models/small/ --ram-bytes 0 --listen 127.0.0.1:0"), std::string::npos) << words;
  EXPECT_NE(words.find("route --policy session --backend http://127.0.0.1:4321 --backend http"), std::string::npos);
  fleet->stop(clock_, soon());
  EXPECT_FALSE(fleet->dead()) << "nobody is there to be dead";
}

TEST_F(FleetTest, ABucketsServerStartsFirstAndItsUrlIsInTheFlags) {
  FleetPlan with =
      plan("echo $AWS_PROFILE$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY >> " + std::string(folder_.path()) + "/keys");
  with.environment.emplace_back("AWS_PROFILE=somebody");
  with.bucket_server = {with.program, "bucket"};
  with.bucket_directory = "/store/cairn";
  with.serve_flags = {"--store", "{bucket}&x=1"};
  Result<Fleet> fleet = Fleet::start(with, clock_, soon(), stop_);
  ASSERT_TRUE(fleet) << fleet.error().detail;
  const std::string words = fake_->words();
  EXPECT_TRUE(words.starts_with("bucket --directory /store/cairn --ready-file ")) << words;
  EXPECT_NE(words.find("serve models/small/ --store http://127.0.0.1:4321&x=1 --listen"), std::string::npos) << words;
  EXPECT_EQ(fleet->metrics_urls().size(), 2u);
  std::ifstream file(folder_.path() + "/keys");
  std::set<std::string> keys;
  for (std::string line; std::getline(file, line);) keys.insert(line);
  EXPECT_EQ(keys.size(), 1u) << "one for all of them";
  EXPECT_EQ(keys.begin()->size(), 16u + 1 + 32);
  fleet->stop(clock_, soon());
}

TEST_F(FleetTest, WhoDoesNotStartIsNamedWithItsLastWords) {
  const Result<Fleet> fleet =
      Fleet::start(plan("case $ready in *instance1*) echo no memory; exit 1;; esac"), clock_, soon(), stop_);
  ASSERT_FALSE(fleet);
  for (const char* part : {"instance1", "status 1", "no memory"}) {
    EXPECT_NE(fleet.error().detail.find(part), std::string::npos) << fleet.error().detail;
  }
}

TEST_F(FleetTest, WhoDiesLaterIsFound) {
  Result<Fleet> fleet =
      Fleet::start(plan("echo $$ > " + std::string(folder_.path()) + "/pid.$verb"), clock_, soon(), stop_);
  ASSERT_TRUE(fleet);
  std::ifstream file(folder_.path() + "/pid.route");
  pid_t pid = 0;
  ASSERT_TRUE(file >> pid);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  std::optional<std::string> dead;
  for (const Deadline deadline = soon(); !dead && !clock_.passed(deadline);) dead = fleet->dead();
  ASSERT_TRUE(dead);
  EXPECT_NE(dead->find("router was ended by signal 9"), std::string::npos) << *dead;
}

TEST_F(FleetTest, AStopEndsTheStart) {
  stop_ = true;
  const Result<Fleet> fleet = Fleet::start(plan("exec sleep 1000"), clock_, soon(), stop_);
  ASSERT_FALSE(fleet);
  EXPECT_EQ(fleet.error().code, ErrorCode::kCancelled);
}

TEST(ModelName, IsTheDirectorys) {
  EXPECT_EQ(model_name_of("models/small"), "small");
  EXPECT_EQ(model_name_of("models/small/"), "small");
}

}  // namespace
}  // namespace cairn
