// Property: a total is read back exactly or not at all, and a store keeps to its capacity before it was counted.
#include "tier/file_usage.h"

#include <atomic>

#include "tier/fault_calls.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

class FileUsageTest : public testing::Test {
 protected:
  std::string usage_file() const { return world.config.path + "/" + world.store_path().directory() + "/" + kUsageName; }
  std::string text() const {
    std::ifstream file(usage_file());
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }
  FileWorld world;
  FaultCalls faults;
};

TEST_F(FileUsageTest, ReadsWhatWasWrittenAndNothingElse) {
  FileCalls& calls = system_file_calls();
  const OwnedFile root(calls, calls.open_root(world.config.path.c_str()));
  ASSERT_EQ(make_directories(calls, root.get(), "a/b", 0700), 0);
  EXPECT_FALSE(read_usage(calls, root.get(), "a/b"));
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1} << 50}) {
    ASSERT_EQ(write_usage(calls, root.get(), "a/b", bytes, 0600), 0);
    EXPECT_EQ(read_usage(calls, root.get(), "a/b"), bytes);
  }
  for (const char* broken : {"", "cairn.usage.1 ", "cairn.usage.1 12", "cairn.usage.1 -5\n", "cairn.usage.2 5\n",
                             "cairn.usage.1 99999999999999999999\n", "cairn.usage.1 5 \n"}) {
    std::ofstream(world.config.path + "/a/b/" + kUsageName, std::ios::trunc) << broken;
    EXPECT_FALSE(read_usage(calls, root.get(), "a/b")) << broken;
  }
  EXPECT_TRUE(world.files(".tmp").empty());
}

// The scan cannot list anything, so all that the next instance has is what the one before remembered.
TEST_F(FileUsageTest, ACapacityHoldsBeforeTheFirstCount) {
  const std::uint64_t file_bytes = world.block_bytes + 4096;
  world.config.capacity_bytes = 2 * file_bytes + 100;
  {
    auto tier = world.open();  // new: it is known to be empty
    ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
    tier->wait_for_scan();
  }
  EXPECT_EQ(text(), "cairn.usage.1 " + std::to_string(file_bytes) + "\n");
  std::atomic<bool> blind{true};
  faults.on_list = [&] { return blind ? -EIO : 0; };
  world.calls = &faults;
  {
    auto tier = world.open();
    EXPECT_EQ(tier->usage().used_bytes, file_bytes);
    EXPECT_EQ(world.put(*tier, 1), Outcome::kDone);
    EXPECT_EQ(world.put(*tier, 2), Outcome::kRefused);
    EXPECT_EQ(run(*tier, Verb::kErase, world.id(0)), Outcome::kDone);
    EXPECT_EQ(world.put(*tier, 2), Outcome::kDone);
    EXPECT_EQ(world.put(*tier, 3), Outcome::kRefused);
  }
  std::filesystem::remove(usage_file());
  {
    auto tier = world.open();  // nobody knows
    EXPECT_EQ(world.put(*tier, 4), Outcome::kRefused);
    EXPECT_EQ(world.get(*tier, 1).outcome, Outcome::kDone);
  }
  blind = false;
  auto tier = world.open();
  tier->wait_for_scan();
  EXPECT_EQ(tier->usage().used_bytes, 2 * file_bytes);
  EXPECT_EQ(run(*tier, Verb::kErase, world.id(1)), Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 4), Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 5), Outcome::kRefused);
}

TEST_F(FileUsageTest, AStoreWithoutACapacityHasNoSuchFile) {
  auto tier = world.open();
  tier->wait_for_scan();
  tier.reset();
  EXPECT_FALSE(std::filesystem::exists(usage_file()));
}

}  // namespace
}  // namespace cairn::test
