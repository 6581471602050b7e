// Property: the directory is the only truth; whatever the system answers, a get yields the right bytes or none, a put
// is done only when its block is visible, and a call that hangs takes nothing with it.
#include "tier/file_tier.h"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "support/gate.h"
#include "tier/fault_calls.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class FileTierTest : public testing::Test {
 protected:
  FileWorld world;
  FaultCalls faults;
};

TEST_F(FileTierTest, AReopenedStoreServesAtOnce) {
  {
    auto tier = world.open();
    for (std::uint32_t n = 0; n < 4; ++n) ASSERT_EQ(world.put(*tier, n), Outcome::kDone);
  }
  auto tier = world.open();
  for (std::uint32_t n = 0; n < 4; ++n) EXPECT_EQ(world.get(*tier, n).outcome, Outcome::kDone);
  tier->wait_for_scan();
  EXPECT_EQ(tier->usage().used_bytes, world.bytes_of_blocks());
  EXPECT_EQ(tier->usage().blocks, 4u);
}

TEST_F(FileTierTest, FilesAndDirectoriesBelongToTheOwnerOnlyUnlessToldOtherwise) {
  for (const bool shared : {false, true}) {
    FileWorld other;
    if (shared) {
      other.config.file_mode = "0664";
      other.config.dir_mode = "2775";
    }
    auto tier = other.open();
    ASSERT_EQ(other.put(*tier, 0), Outcome::kDone);
    struct stat found{};
    ASSERT_EQ(::stat(other.file_of(other.id(0)).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, shared ? 0664u : 0600u);
    ASSERT_EQ(::stat(fs::path(other.file_of(other.id(0))).parent_path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, shared ? 02775u : 0700u);
  }
}

TEST_F(FileTierTest, UsedBytesAreTheSizesOfTheFilesWhateverHappened) {
  Random random(5);
  world.config.scan_directories_per_s = 1000;
  auto tier = world.open();
  for (int step = 0; step < 60; ++step) {
    const auto n = static_cast<std::uint32_t>(random.below(8));
    switch (random.below(4)) {
      case 0:
        run(*tier, Verb::kErase, world.id(n));
        break;
      case 1: {
        std::error_code missing;
        fs::resize_file(world.file_of(world.id(n)), 5000, missing);  // damage; the account learns it at quarantine
        if (!missing) {
          tier.reset();
          tier = world.open();
          tier->wait_for_scan();
          world.get(*tier, n);
        }
        break;
      }
      default:
        world.put(*tier, n);
        break;
    }
  }
  tier->wait_for_scan();
  EXPECT_EQ(tier->usage().used_bytes, world.bytes_of_blocks());
  EXPECT_EQ(tier->usage().inflight_bytes, 0u);
  EXPECT_TRUE(world.files(".tmp").empty());
}

TEST_F(FileTierTest, UsedBytesAreWhatTheDiskGaveUpToOnePercent) {
  auto tier = world.open();
  for (std::uint32_t n = 0; n < 6; ++n) ASSERT_EQ(world.put(*tier, n), Outcome::kDone);
  std::uint64_t on_disk = 0;
  for (const auto& [name, bytes] : world.files(".kv")) {
    struct stat found{};
    ASSERT_EQ(::stat(name.c_str(), &found), 0);
    on_disk += static_cast<std::uint64_t>(found.st_blocks) * 512;
  }
  const auto used = static_cast<double>(tier->usage().used_bytes);
  EXPECT_NEAR(static_cast<double>(on_disk), used, used / 100);
}

TEST_F(FileTierTest, ShortCountsAndInterruptionsAreContinued) {
  world.calls = &faults;
  world.config.direct = "never";
  auto tier = world.open();
  faults.short_count = 70'001;
  int turns = 0;
  faults.on_read = faults.on_write = [&] { return ++turns % 3 == 0 ? -EINTR : 0; };
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
  EXPECT_GT(turns, 30);
}

TEST_F(FileTierTest, AStoreWhereEverythingHangsRefusesAtOnce) {
  world.calls = &faults;
  world.config.stuck_threads_max = 2;
  world.config.io_threads = 2;
  Gate gate;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  faults.on_read = [&] { return gate.pass(), 0; };
  CompletionQueue queue;
  for (std::uint32_t i = 0; i < 2; ++i) {
    Work work(queue, Verb::kGet, world.clock.after_us(400'000));
    work.add(world.id(0), world.pages(1 + i));
    work.submit(*tier);
    ASSERT_EQ(wait_for(queue), &work.batch);
    EXPECT_EQ(work.slots[0].reason, MissReason::kTimeout);
  }
  Work refused(queue, Verb::kGet);
  refused.add(world.id(0), world.pages(3));
  refused.submit(*tier);
  ASSERT_EQ(queue.poll(), &refused.batch);
  EXPECT_EQ(refused.slots[0].reason, MissReason::kBreakerOpen);
  EXPECT_EQ(refused.batch.result().error().code, ErrorCode::kUnavailable);
  gate.open();
  tier.reset();
  while (world.arena->held_bytes() > 0) std::this_thread::yield();
}

// A mount may hang while the store is counted: stopping waits drain_ms for that thread and leaves it behind.
TEST_F(FileTierTest, ACountThatHangsDoesNotKeepTheTierFromEnding) {
  // What the thread left behind still uses outlives the test.
  static auto* const gate = new Gate;
  static auto* const late_faults = new FaultCalls;
  static auto* const late = new FileWorld;
  late->config.path = world.config.path;
  late->calls = late_faults;
  late->config.drain_ms = 50;
  late->config.recheck_s = late->config.rescan_s = 0;
  auto tier = late->open();
  ASSERT_EQ(late->put(*tier, 0), Outcome::kDone);
  tier->wait_for_scan();
  late_faults->on_list = [] { return gate->pass(), 0; };
  std::thread counter([&] { tier->recount(); });
  gate->until_waiting();
  EXPECT_EQ(late->get(*tier, 0).outcome, Outcome::kDone) << "counting keeps nobody from reading";
  FileTier* const ending = tier.release();
  const std::int64_t before_us = late->clock.now_us();
  delete ending;
  EXPECT_LT(late->clock.now_us() - before_us, 5'000'000);
  counter.join();
  gate->open();
}

TEST_F(FileTierTest, StoresThatHangKeepNobodyFromReading) {
  world.calls = &faults;
  world.config.io_threads = 2;
  Gate gate;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  faults.on_write = [&] { return gate.pass(), 0; };
  CompletionQueue queue;
  Work puts(queue, Verb::kPut);
  for (std::uint32_t n = 1; n < 5; ++n) puts.add(world.id(n), world.pages(1 + n));
  puts.submit(*tier);
  gate.until_waiting(2);
  EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
  gate.open();
  ASSERT_EQ(wait_for(queue), &puts.batch);
  for (const BlockSlot& row : puts.slots) EXPECT_EQ(row.outcome, Outcome::kDone);
}

}  // namespace
}  // namespace cairn::test
