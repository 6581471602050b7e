// Property: what is measured is measured on instances without tiers, by prompts that have nothing in common.
#include "bench/calibrate.h"

#include <gtest/gtest.h>

#include <set>

#include "bench/chat_server.h"
#include "bench/fake_cairn.h"
#include "support/temporary_directory.h"

namespace cairn {
namespace {

using test::ChatServer;

class CalibrateTest : public ::testing::Test {
 protected:
  CalibrateTest() {
    plan_.model = "models/small";
    plan_.contexts = {"20", "10"};
    plan_.scenarios = {"device only: --ram-bytes 0", "store: --ram-bytes 1MiB --store file://{store}"};
    plan_.users = 3;
    plan_.rounds = 3;
    plan_.qps = 20;
    plan_.warm_up = 0;
    plan_.drain = 5;
  }
  ScenarioRunDeps deps() const { return {clock_, stop_, fake_.program(), {"PATH=/usr/bin:/bin"}, {}, {}, {}}; }

  test::TemporaryDirectory folder_;
  const SystemClock clock_;
  std::atomic<bool> stop_{false};
  ScenarioPlan plan_;
  ChatServer server_{[](auto, auto) { return ChatServer::Plan{20'000}; }};
  const test::FakeCairn fake_{folder_.path(), server_.base_url().substr(0, server_.base_url().size() - 3)};
  const WorkDirectory work_ =
      WorkDirectory::open(std::filesystem::path(folder_.path()) / "work", FoundDirectory::kRefuse).value();
};

TEST_F(CalibrateTest, PrefillIsOfOneInstanceOneChatAfterTheOther) {
  const Result<double> rate = measure_prefill(plan_, {30, 3, 1 * kMiB}, work_, deps());
  ASSERT_TRUE(rate) << rate.error().detail;
  EXPECT_GT(*rate, 0);
  EXPECT_LE(*rate, 50 / 0.02) << "50 tokens an answer, each after 20 ms";
  std::set<std::string> prompts;
  for (const auto& chat : server_.chats()) {
    EXPECT_EQ(chat.body["max_tokens"], 1);
    prompts.insert(chat.body["messages"][0]["content"].get<std::string>().substr(0, 20));
  }
  EXPECT_EQ(prompts.size(), 4u) << "with one for the start, which does not count";
  const std::string words = fake_.words();
  EXPECT_NE(words.find("--ram-bytes 0"), std::string::npos);
  EXPECT_EQ(words.find("serve"), words.rfind("serve")) << words;
}

TEST_F(CalibrateTest, ServedIsOfTheFirstScenarioAtItsLongest) {
  const Result<double> rate = measure_served(plan_, 0.5, work_, deps());
  ASSERT_TRUE(rate) << rate.error().detail;
  EXPECT_GT(*rate, 0);
  EXPECT_EQ(fake_.words().find("--store"), std::string::npos) << fake_.words();
  for (const auto& chat : server_.chats()) {
    EXPECT_GT(chat.body["messages"][0]["content"].get<std::string>().size(), 150u);
  }
}

TEST_F(CalibrateTest, AStopIsNoMeasurement) {
  stop_ = true;
  EXPECT_FALSE(measure_prefill(plan_, {}, work_, deps()));
  EXPECT_FALSE(measure_served(plan_, 0.5, work_, deps()));
}

}  // namespace
}  // namespace cairn
