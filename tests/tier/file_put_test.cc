// Property: a put is done only when its block is whole and visible; one that fails anywhere leaves nothing.
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <thread>
#include <utility>

#include "support/gate.h"
#include "tier/fault_calls.h"
#include "tier/file_tier.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class FilePutTest : public testing::Test {
 protected:
  FileWorld world;
  FaultCalls faults;
};

TEST_F(FilePutTest, AFullDiskRefusesPutsAndLeavesNoFileBehind) {
  world.calls = &faults;
  auto tier = world.open();
  for (int where = 0; where < 3; ++where) {
    const auto full = [] { return -ENOSPC; };
    faults.on_allocate = where == 0 ? std::function<int()>(full) : [] { return -EOPNOTSUPP; };
    faults.on_write = where == 1 ? std::function<int()>(full) : nullptr;
    faults.on_create = where == 2 ? std::function<int()>(full) : nullptr;
    EXPECT_EQ(world.put(*tier, 0), Outcome::kRefused) << where;
    EXPECT_TRUE(world.files(".tmp").empty());
    EXPECT_TRUE(world.files(".kv").empty());
  }
  EXPECT_EQ(tier->report().refused_space, 3u);
  faults.on_create = nullptr;
  EXPECT_EQ(world.put(*tier, 0), Outcome::kDone);
}

TEST_F(FilePutTest, AFileSizeLimitOfTheProcessRefusesLikeAFullDisk) {
  world.calls = &faults;
  auto tier = world.open();
  faults.on_allocate = [] { return -EFBIG; };
  EXPECT_EQ(world.put(*tier, 0), Outcome::kRefused);
}

// Every step of a put fails in turn: nothing becomes visible, nothing is left, and the next put works.
TEST_F(FilePutTest, APutThatFailsAnywhereIsInvisible) {
  world.calls = &faults;
  world.config.durability = "full";
  auto tier = world.open();
  std::function<int()>* steps[] = {&faults.on_create, &faults.on_write, &faults.on_sync, &faults.on_close,
                                   &faults.on_rename};
  for (std::function<int()>* step : steps) {
    *step = [] { return -EIO; };
    EXPECT_EQ(world.put(*tier, 0), Outcome::kFailed);
    *step = nullptr;
    EXPECT_EQ(run(*tier, Verb::kContains, world.id(0)), Outcome::kMiss);
    EXPECT_TRUE(world.files(".tmp").empty());
    EXPECT_EQ(tier->usage().used_bytes, 0u);
  }
  EXPECT_EQ(world.put(*tier, 0), Outcome::kDone);
}

// Network file systems tell with close() that the bytes did not arrive, and that the disk there is full.
TEST_F(FilePutTest, AnErrorThatOnlyCloseTellsIsNotStored) {
  world.calls = &faults;
  auto tier = world.open();
  faults.on_close = [] { return -EIO; };
  EXPECT_EQ(world.put(*tier, 0), Outcome::kFailed);
  faults.on_close = [] { return -EDQUOT; };
  EXPECT_EQ(world.put(*tier, 0), Outcome::kRefused);
  faults.on_close = nullptr;
  EXPECT_EQ(run(*tier, Verb::kContains, world.id(0)), Outcome::kMiss);
  EXPECT_TRUE(world.files(".tmp").empty());
  EXPECT_EQ(tier->usage().used_bytes, 0u);
}

TEST_F(FilePutTest, AWriteThatMovesNothingIsAnErrorNotALoop) {
  world.calls = &faults;
  auto tier = world.open();
  faults.writes_nothing = true;
  EXPECT_EQ(world.put(*tier, 0), Outcome::kFailed);
  EXPECT_TRUE(world.files(".kv").empty());
  EXPECT_TRUE(world.files(".tmp").empty());
}

// A put that was reported as timed out stays unstored, also when its last call succeeds at last.
TEST_F(FilePutTest, APutThatWasGivenUpNeverBecomesVisible) {
  world.calls = &faults;
  world.config.durability = "data";
  Gate gate;
  auto tier = world.open();
  faults.on_sync = [&] { return gate.pass(), 0; };
  CompletionQueue queue;
  Work work(queue, Verb::kPut, world.clock.after_us(400'000));
  world.fill(0, 1);
  work.add(world.id(0), world.pages(0));
  work.submit(*tier);
  ASSERT_EQ(wait_for(queue), &work.batch);
  EXPECT_EQ(work.slots[0].reason, MissReason::kTimeout);
  EXPECT_EQ(world.files(".tmp").size(), 1u);
  gate.open();
  tier.reset();  // waits for the thread that was written off
  EXPECT_TRUE(world.files(".kv").empty());
  EXPECT_TRUE(world.files(".tmp").empty());
  EXPECT_EQ(world.arena->held_bytes(), 0u);
}

TEST_F(FilePutTest, WhatLiesUnderABlocksNameIsReplacedUnlessItIsAWholeFile) {
  world.calls = &faults;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  const std::string name = world.file_of(world.id(0));
  const std::vector<std::function<void()>> plants = {
      [&] { ASSERT_EQ(mkfifo(name.c_str(), 0600), 0); }, [&] { fs::create_symlink("/etc/hostname", name); },
      [&] { fs::create_directory(name); }, [&] { std::ofstream(name) << "short"; },
      [&] { std::ofstream(name).flush(); }};
  for (std::size_t i = 0; i < plants.size(); ++i) {
    fs::remove_all(name);
    plants[i]();
    EXPECT_NE(run(*tier, Verb::kContains, world.id(0)), Outcome::kDone) << i;
    EXPECT_EQ(world.put(*tier, 0), Outcome::kDone) << i;
    EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone) << i;
    fs::remove_all(name);
    plants[i]();
    EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kCorrupt) << i;
    EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kMiss) << i;
  }
}

TEST_F(FilePutTest, APutThatIsCutIsNotPublishedAfterwards) {
  world.calls = &faults;
  Gate gate;
  auto tier = world.open();
  std::atomic<bool> hang{true};
  faults.on_write = [&] {
    if (hang.exchange(false)) gate.pass();
    return 0;
  };
  CompletionQueue queue;
  world.fill(0, 1);
  Work work(queue, Verb::kPut);
  work.add(world.id(0), world.pages(0));
  work.submit(*tier);
  gate.until_waiting();
  tier->cancel(work.batch);
  ASSERT_EQ(wait_for(queue), &work.batch);
  EXPECT_EQ(work.slots[0].outcome, Outcome::kFailed);
  EXPECT_EQ(work.batch.result().error().code, ErrorCode::kCancelled);
  gate.open();
  while (world.arena->held_bytes() > 0) std::this_thread::yield();
  tier.reset();
  EXPECT_TRUE(world.files(".kv").empty());
}

// Records which directories and files were synced.
class SyncCalls final : public FileCalls {
 public:
  std::set<std::uint64_t> take() { return std::exchange(inodes_, {}); }
  int sync(int descriptor, SyncKind kind) override {
    FileStat found;
    stat_open(descriptor, found);
    inodes_.insert(found.inode);
    return FileCalls::sync(descriptor, kind);
  }

 private:
  std::set<std::uint64_t> inodes_;  // puts of these tests come one by one
};

TEST_F(FilePutTest, FullDurabilitySyncsEveryDirectoryOnTheWay) {
  SyncCalls calls;
  world.calls = &calls;
  world.config.durability = "full";
  const fs::path above = world.config.path;
  world.config.path += "/deep/store";
  const auto inode = [](const fs::path& path) {
    struct stat found{};
    EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
    return std::uint64_t{found.st_ino};
  };
  {
    auto tier = world.open();
    const auto at_open = calls.take();
    for (const fs::path& path : {above, above / "deep"}) EXPECT_TRUE(at_open.count(inode(path))) << path;
    ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
    const auto synced = calls.take();
    const fs::path block = world.file_of(world.id(0));
    EXPECT_TRUE(synced.count(inode(block)));
    for (fs::path path = block.parent_path(); path != above / "deep"; path = path.parent_path()) {
      EXPECT_TRUE(synced.count(inode(path))) << path;
    }
  }
  auto tier = world.open();  // another instance may have made them and died before its sync
  ASSERT_EQ(run(*tier, Verb::kErase, world.id(0)), Outcome::kDone);
  calls.take();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  EXPECT_TRUE(calls.take().count(inode(world.config.path)));
}

TEST_F(FilePutTest, TheFirstFailureAndTheRecoveryAreSaidOnceWithReasonAndStore) {
  for (const int code : {ENOSPC, EROFS, EIO, EACCES, ENOENT}) {
    FileWorld fresh;
    FaultCalls broken;
    fresh.calls = &broken;
    auto store = fresh.open();
    broken.on_create = [code] { return -code; };
    for (std::uint32_t n = 0; n < 5; ++n) EXPECT_NE(fresh.put(*store, n), Outcome::kDone);
    EXPECT_EQ(fresh.log.count("tier.file.put_failed"), 1u);
    EXPECT_EQ(fresh.log.count(std::string("error=") + strerror(code) + " path=" + fresh.config.path), 1u);
    EXPECT_EQ(fresh.log.count("tier.file.put_recovered"), 0u);
    broken.on_create = nullptr;
    for (std::uint32_t n = 0; n < 5; ++n) EXPECT_EQ(fresh.put(*store, n), Outcome::kDone);
    EXPECT_EQ(fresh.log.count("tier.file.put_recovered path=" + fresh.config.path + " failed_puts=5"), 1u);
  }
}

TEST_F(FilePutTest, AFullStoreStopsStoringAndCounts) {
  world.config.capacity_bytes = 2 * (world.block_bytes + 4096) + 100;
  auto tier = world.open();
  EXPECT_EQ(world.put(*tier, 0), Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 1), Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 2), Outcome::kRefused);
  EXPECT_EQ(tier->report().refused_capacity, 1u);
  EXPECT_EQ(world.log.count("tier.file.put_failed error=capacity_bytes is used up"), 1u);
  EXPECT_EQ(run(*tier, Verb::kErase, world.id(0)), Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 2), Outcome::kDone);
}

}  // namespace
}  // namespace cairn::test
