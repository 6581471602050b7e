// Property: the directory is the only truth; whatever the system answers, a get yields the right bytes or none, a put
// is done only when its block is visible, and a call that hangs takes nothing with it.
#include "tier/file_tier.h"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

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

TEST_F(FileTierTest, ErrorsOfTheSystemAreMissesOrFailuresNeverBytes) {
  world.calls = &faults;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  const std::vector<std::tuple<int, Outcome, MissReason>> cases = {{ESTALE, Outcome::kMiss, MissReason::kVanished},
                                                                   {EINVAL, Outcome::kMiss, MissReason::kVanished},
                                                                   {ENOTCONN, Outcome::kMiss, MissReason::kVanished},
                                                                   {EACCES, Outcome::kMiss, MissReason::kDenied},
                                                                   {EIO, Outcome::kFailed, MissReason::kFailed}};
  for (const auto& [code, outcome, reason] : cases) {
    faults.on_read = [failure = code] { return -failure; };
    const BlockSlot row = world.get(*tier, 0);
    EXPECT_EQ(row.outcome, outcome) << code;
    EXPECT_EQ(row.reason, reason) << code;
  }
  world.get(*tier, 0);
  EXPECT_EQ(world.log.count("tier.file.denied"), 1u);
  EXPECT_EQ(world.log.count("our_uid="), 1u);
  faults.on_read = nullptr;
  EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
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

TEST_F(FileTierTest, AFullDiskRefusesPutsAndLeavesNoFileBehind) {
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

TEST_F(FileTierTest, AFileSizeLimitOfTheProcessRefusesLikeAFullDisk) {
  world.calls = &faults;
  auto tier = world.open();
  faults.on_allocate = [] { return -EFBIG; };
  EXPECT_EQ(world.put(*tier, 0), Outcome::kRefused);
}

// Every step of a put fails in turn: nothing becomes visible, nothing is left, and the next put works.
TEST_F(FileTierTest, APutThatFailsAnywhereIsInvisible) {
  world.calls = &faults;
  world.config.durability = "full";
  auto tier = world.open();
  std::function<int()>* steps[] = {&faults.on_create, &faults.on_write, &faults.on_sync, &faults.on_rename};
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

TEST_F(FileTierTest, WhatLiesUnderABlocksNameIsReplacedUnlessItIsAWholeFile) {
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

TEST_F(FileTierTest, ALinkAboveABlockIsNotFollowed) {
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  const fs::path fan = fs::path(world.file_of(world.id(0))).parent_path();
  fs::rename(fan, fan.string() + "-moved");
  fs::create_directory_symlink(fan.string() + "-moved", fan);
  EXPECT_NE(world.get(*tier, 0).outcome, Outcome::kDone);
}

TEST_F(FileTierTest, OtherVersionsRootsAndLayoutsAreLeftAlone) {
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  const std::string name = world.file_of(world.id(0));
  const auto rewrite = [&](const std::function<void(BlockHeader&)>& change) {
    std::fstream file(name, std::ios::in | std::ios::out | std::ios::binary);
    std::array<std::byte, kHeaderBytes> bytes{};
    file.read(reinterpret_cast<char*>(bytes.data()), kHeaderBytes);
    BlockHeader header;
    decode_header(bytes, header);
    change(header);
    encode_header(header, bytes);
    file.seekp(0);
    file.write(reinterpret_cast<const char*>(bytes.data()), kHeaderBytes);
  };
  rewrite([](BlockHeader& header) { header.store_root.bytes[0] ^= 1; });
  BlockSlot row = world.get(*tier, 0);
  EXPECT_EQ(row.outcome, Outcome::kMiss);
  EXPECT_EQ(row.reason, MissReason::kForeign);
  rewrite([](BlockHeader& header) {
    header.store_root.bytes[0] ^= 1;
    header.version = 2;
  });
  row = world.get(*tier, 0);
  EXPECT_EQ(row.outcome, Outcome::kMiss);
  EXPECT_EQ(row.reason, MissReason::kForeign);
  EXPECT_TRUE(fs::exists(name));
  EXPECT_EQ(tier->report().left_alone, 2u);
}

TEST_F(FileTierTest, AnotherChunksFileUnderThisNameIsQuarantined) {
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  ASSERT_EQ(world.put(*tier, 1), Outcome::kDone);
  fs::create_directories(fs::path(world.file_of(world.id(2))).parent_path());
  fs::copy_file(world.file_of(world.id(1)), world.file_of(world.id(2)));
  const BlockSlot row = world.get(*tier, 2);
  EXPECT_EQ(row.outcome, Outcome::kCorrupt);
  EXPECT_FALSE(fs::exists(world.file_of(world.id(2))));
  EXPECT_EQ(world.files(".bad").size(), 1u);
  EXPECT_EQ(tier->report().second_reads, 1u);
}

TEST_F(FileTierTest, ATransientFlipIsHealedByTheSecondRead) {
  world.calls = &faults;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  // The first read finds the file truncated to nothing, the second finds it whole.
  const std::string name = world.file_of(world.id(0));
  fs::rename(name, name + ".kept");
  std::ofstream(name).flush();
  class HealingCalls final : public FaultCalls {
   public:
    std::string name;
    int opens = 0;
    int open_beneath(int directory, const char* path, int flags, unsigned mode) override {
      if (std::string_view(path).ends_with(".kv") && ++opens == 2) fs::rename(name + ".kept", name);
      return FaultCalls::open_beneath(directory, path, flags, mode);
    }
  } healing;
  healing.name = name;
  tier.reset();
  world.calls = &healing;
  tier = world.open();
  EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
  EXPECT_EQ(tier->report().quarantined, 0u);
}

TEST_F(FileTierTest, QuarantineIsBoundedInBytesAndPerMinute) {
  world.config.quarantine_bytes_max = world.block_bytes * 2 + 2 * 4096;
  world.config.quarantines_per_minute_max = 4;
  auto tier = world.open();
  for (std::uint32_t n = 0; n < 6; ++n) {
    ASSERT_EQ(world.put(*tier, n), Outcome::kDone);
    std::fstream file(world.file_of(world.id(n)), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(9000);
    file.put('\x55').put('\x55').put('\x55');
  }
  CompletionQueue queue;
  for (std::uint32_t n = 0; n < 6; ++n) {
    Work work(queue, Verb::kGet);
    work.add(world.id(n), world.pages(1));
    work.submit(*tier);
    ASSERT_EQ(wait_for(queue), &work.batch);
    EXPECT_EQ(work.slots[0].outcome, Outcome::kCorrupt);
    EXPECT_EQ(work.batch.result().has_value(), n < 4) << n;
    EXPECT_EQ(fs::exists(world.file_of(world.id(n))), n >= 4) << n;
  }
  EXPECT_EQ(world.files(".bad").size(), 2u);
  EXPECT_EQ(world.log.count("quarantine_stopped"), 2u);
}

TEST_F(FileTierTest, OldTemporariesAreSweptAndYoungOnesStay) {
  world.config.orphan_age_s = 100;
  {
    auto tier = world.open();
    ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  }
  const fs::path fan = fs::path(world.file_of(world.id(0))).parent_path();
  const fs::path old_one = fan / temp_name(world.id(0).chunk.key, 1), young = fan / temp_name(world.id(0).chunk.key, 2);
  std::ofstream(old_one) << "left";
  std::ofstream(young) << "being written";
  fs::last_write_time(old_one, fs::file_time_type::clock::now() - std::chrono::seconds(200));
  auto tier = world.open();
  tier->wait_for_scan();
  EXPECT_FALSE(fs::exists(old_one));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_EQ(tier->report().swept, 1u);
}

TEST_F(FileTierTest, ThirtyTwoLookupsCostOneRoundOfASlowStat) {
  world.calls = &faults;
  auto tier = world.open();
  for (std::uint32_t n = 0; n < 4; ++n) ASSERT_EQ(world.put(*tier, n), Outcome::kDone);
  faults.on_stat = [] { return ::usleep(20'000), 0; };
  CompletionQueue queue;
  std::int64_t best_us = INT64_MAX;
  for (int round = 0; round < 3; ++round) {
    Work work(queue, Verb::kContains);
    for (std::uint32_t n = 0; n < 32; ++n) work.add(world.id(n % 16));
    const std::int64_t before = world.clock.now_us();
    work.submit(*tier);
    ASSERT_EQ(wait_for(queue), &work.batch);
    best_us = std::min(best_us, world.clock.now_us() - before);
    for (std::uint32_t n = 0; n < 32; ++n) EXPECT_EQ(work.slots[n].outcome == Outcome::kDone, n % 16 < 4) << n;
  }
  EXPECT_GE(best_us, 20'000);
  EXPECT_LE(best_us, 40'000);
}

TEST_F(FileTierTest, AReadThatHangsIsLeftBehindWithItsMemoryHeld) {
  world.calls = &faults;
  Gate gate;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  ASSERT_EQ(world.put(*tier, 1), Outcome::kDone);
  std::atomic<bool> hang{true};
  faults.on_read = [&] {
    if (hang.exchange(false)) gate.pass();
    return 0;
  };
  CompletionQueue queue;
  world.wipe(1);
  Work work(queue, Verb::kGet, world.clock.after_us(50'000));
  work.add(world.id(0), world.pages(1));
  const std::int64_t before = world.clock.now_us();
  work.submit(*tier);
  ASSERT_EQ(wait_for(queue), &work.batch);
  EXPECT_LT(world.clock.now_us() - before, 2'000'000);
  EXPECT_EQ(work.slots[0].outcome, Outcome::kFailed);
  EXPECT_EQ(work.slots[0].reason, MissReason::kTimeout);
  EXPECT_EQ(work.batch.result().error().code, ErrorCode::kTimeout);
  const std::uint64_t offset = static_cast<std::uint64_t>(world.data(1) - world.arena->data());
  EXPECT_TRUE(world.arena->held(offset, world.block_bytes));
  EXPECT_EQ(tier->usage().held_bytes, world.block_bytes);
  EXPECT_EQ(tier->report().stuck_threads, 1u);
  EXPECT_EQ(world.get(*tier, 1, 2).outcome, Outcome::kDone);  // others go on
  gate.open();
  tier.reset();
  while (world.arena->held(offset, world.block_bytes)) std::this_thread::yield();
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
    Work work(queue, Verb::kGet, world.clock.after_us(30'000));
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

TEST_F(FileTierTest, APutThatIsCutIsNotPublishedAfterwards) {
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
  gate.wait_until_somebody_hangs();
  tier->cancel(work.batch);
  ASSERT_EQ(wait_for(queue), &work.batch);
  EXPECT_EQ(work.slots[0].outcome, Outcome::kFailed);
  EXPECT_EQ(work.batch.result().error().code, ErrorCode::kCancelled);
  gate.open();
  while (world.arena->held_bytes() > 0) std::this_thread::yield();
  tier.reset();
  EXPECT_TRUE(world.files(".kv").empty());
}

TEST_F(FileTierTest, MemoryOutsideRegionsGoesThroughABounceBuffer) {
  auto tier = world.open();
  std::vector<std::byte> bytes(world.block_bytes + 1, std::byte{0x3c});
  std::vector<MemoryRef> odd = {{bytes.data() + 1, 1000}, {bytes.data() + 1001, world.block_bytes - 1000}};
  ASSERT_EQ(run(*tier, Verb::kPut, world.id(0), odd), Outcome::kDone);
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  ASSERT_EQ(run(*tier, Verb::kGet, world.id(0), odd), Outcome::kDone);
  EXPECT_EQ(std::count(bytes.begin() + 1, bytes.end(), std::byte{0x3c}),
            static_cast<std::ptrdiff_t>(world.block_bytes));
  EXPECT_GE(tier->report().bounced, 2u);
}

TEST_F(FileTierTest, AFullStoreStopsStoringAndCounts) {
  world.config.capacity_bytes = 2 * (world.block_bytes + 4096) + 100;
  auto tier = world.open();
  EXPECT_EQ(world.put(*tier, 0), Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 1), Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 2), Outcome::kRefused);
  EXPECT_EQ(tier->report().refused_capacity, 1u);
  EXPECT_EQ(run(*tier, Verb::kErase, world.id(0)), Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 2), Outcome::kDone);
}

TEST_F(FileTierTest, ABlockOfAnotherShapeIsForeign) {
  auto tier = world.open();
  KvBlockId other = world.id(0);
  other.shard = 5;
  EXPECT_EQ(run(*tier, Verb::kContains, other), Outcome::kMiss);
  EXPECT_EQ(run(*tier, Verb::kPut, other, world.pages(0)), Outcome::kRefused);
  EXPECT_EQ(run(*tier, Verb::kGet, other, world.pages(0)), Outcome::kMiss);
}

}  // namespace
}  // namespace cairn::test
