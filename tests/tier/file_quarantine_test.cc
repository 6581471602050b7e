// Property: damage is put away within bounds, and what dead writers left is swept by age, never a live writer's.
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tier/fault_calls.h"
#include "tier/file_tier.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class FileQuarantineTest : public testing::Test {
 protected:
  FileWorld world;
  FaultCalls faults;
};

TEST_F(FileQuarantineTest, AnotherChunksFileUnderThisNameIsQuarantined) {
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

TEST_F(FileQuarantineTest, QuarantineIsBoundedInBytesAndPerMinute) {
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

// A look for changes costs one stat a directory; only what changed is listed again, and an error forgets nothing.
TEST_F(FileQuarantineTest, ALookForChangesListsOnlyWhatChanged) {
  world.calls = &faults;
  world.config.recheck_s = world.config.rescan_s = 0;
  {
    auto tier = world.open();
    for (std::uint32_t n = 0; n < 4; ++n) ASSERT_EQ(world.put(*tier, n), Outcome::kDone);
  }
  const auto fan = [&](std::uint32_t n) { return fs::path(world.file_of(world.id(n))).parent_path(); };
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (std::uint32_t n = 0; n < 4; ++n) fs::last_write_time(fan(n), long_ago);
  auto tier = world.open();
  tier->wait_for_scan();
  const std::uint64_t before = tier->usage().used_bytes;
  ASSERT_EQ(before, world.bytes_of_blocks());
  std::atomic<int> lists{0};
  faults.on_list = [&] { return ++lists, 0; };
  tier->recount();
  EXPECT_EQ(lists, 1) << "the shard's directory";
  fs::remove(world.file_of(world.id(2)));  // by another process
  lists = 0;
  tier->recount();
  EXPECT_EQ(lists, 2);
  EXPECT_EQ(tier->usage().used_bytes, before / 4 * 3);
  fs::remove_all(fan(3));
  faults.on_list = [] { return -EIO; };
  tier->recount();
  EXPECT_EQ(tier->usage().used_bytes, before / 4 * 3) << "what cannot be read stays as it was known";
  faults.on_list = nullptr;
  tier->recount();
  EXPECT_EQ(tier->usage().used_bytes, world.bytes_of_blocks());
  EXPECT_EQ(tier->usage().used_bytes, before / 2);
}

TEST_F(FileQuarantineTest, OldTemporariesAreSweptAndYoungOnesStay) {
  world.config.orphan_age_s = 100;
  {
    auto tier = world.open();
    ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  }
  const fs::path fan = fs::path(world.file_of(world.id(0))).parent_path();
  const fs::path old_one = fan / temp_name(world.id(0).chunk.key, 1), young = fan / temp_name(world.id(0).chunk.key, 2);
  std::ofstream(old_one) << "left";
  std::ofstream(young) << "being written";
  const fs::path store = fs::path(world.config.path) / world.store_path().directory();
  const fs::path opening[] = {store / ".probe.0123456789abcdef", store / ".manifest.0123456789abcdef.tmp"};
  for (const fs::path& left : opening) std::ofstream(left) << "an opening that was killed";
  for (const fs::path& left : {old_one, opening[0], opening[1]}) {
    fs::last_write_time(left, fs::file_time_type::clock::now() - std::chrono::seconds(200));
  }
  auto tier = world.open();
  tier->wait_for_scan();
  EXPECT_FALSE(fs::exists(old_one));
  for (const fs::path& left : opening) EXPECT_FALSE(fs::exists(left)) << left;
  EXPECT_TRUE(fs::exists(store / "manifest.json"));
  EXPECT_TRUE(fs::exists(young));
  EXPECT_EQ(tier->report().swept, 3u);
}

}  // namespace
}  // namespace cairn::test
