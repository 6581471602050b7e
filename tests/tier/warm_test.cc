// Property: a tier that was warmed from a store holds the store's youngest blocks, bytes and all, and nothing of what
// is damaged, foreign or no block.
#include "tier/warm.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tier/file_world.h"
#include "tier/ram_tier.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class Warm : public testing::Test {
 protected:
  // Block n was written n seconds after block 0.
  void store(std::uint32_t count) {
    const auto tier = world_.open();
    for (std::uint32_t n = 0; n < count; ++n) {
      ASSERT_EQ(world_.put(*tier, n), Outcome::kDone);
      fs::last_write_time(world_.file_of(world_.id(n)), fs::file_time_type(std::chrono::seconds(1000 + n)));
    }
  }
  std::vector<KvBlockId> youngest(std::uint64_t blocks) {
    return youngest_blocks(world_.config.path, world_.identity, world_.layout, blocks * world_.layout.block_bytes(0),
                           world_.clock, Deadline::never());
  }
  std::unique_ptr<RamTier> ram(std::uint64_t blocks) {
    return RamTier::open({.capacity_bytes = blocks * round_up(world_.layout.block_bytes(0), 4096)},
                         world_.layout.block_bytes(0), {world_.clock, null_log()})
        .value();
  }
  FileWorld world_;
};

TEST_F(Warm, TheYoungestBlocksComeOldestFirst) {
  store(6);
  const auto ids = youngest(4);
  ASSERT_EQ(ids.size(), 4u);
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(ids[i].chunk.key, world_.id(2 + i).chunk.key);
  EXPECT_EQ(youngest(100).size(), 6u);
  EXPECT_EQ(youngest(0).size(), 0u);
}

TEST_F(Warm, WhatWasCopiedIsServed) {
  store(11);
  const auto from = world_.open();
  const auto to = ram(20);
  const auto report = copy_blocks(youngest(20), *from, *to, world_.layout, world_.clock, Deadline::never());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->blocks, 11u);
  EXPECT_EQ(report->bytes, 11 * world_.layout.block_bytes(0));
  EXPECT_EQ(report->passed_by, 0u);
  for (std::uint32_t n = 0; n < 11; ++n) EXPECT_EQ(world_.get(*to, n).outcome, Outcome::kDone) << n;
}

TEST_F(Warm, WhatIsNotASoundBlockIsPassedBy) {
  store(5);
  const auto spoil = [&](std::uint32_t n, std::uint64_t at) {
    std::fstream file(world_.file_of(world_.id(n)), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('\x5a');
  };
  spoil(1, 100);   // header
  spoil(2, 5000);  // payload: found out when it is read
  const std::string folder = fs::path(world_.file_of(world_.id(0))).parent_path();
  std::ofstream(folder + "/notes.txt") << "not a block";
  fs::create_symlink("/etc/passwd", folder + "/" + block_name(world_.id(20).chunk.key));
  const auto ids = youngest(100);
  EXPECT_EQ(ids.size(), 4u);
  const auto from = world_.open();
  const auto to = ram(20);
  const auto report = copy_blocks(ids, *from, *to, world_.layout, world_.clock, Deadline::never());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->blocks, 3u);
  EXPECT_EQ(report->passed_by, 1u);
  EXPECT_NE(world_.get(*to, 1).outcome, Outcome::kDone);
  EXPECT_NE(world_.get(*to, 2).outcome, Outcome::kDone);
  EXPECT_EQ(world_.get(*to, 3).outcome, Outcome::kDone);
}

TEST_F(Warm, AnotherStoresBlocksAndNoStoreAreNothing) {
  store(3);
  StoreIdentity other = world_.identity;
  other.model_fingerprint.bytes[0] ^= 1;
  EXPECT_TRUE(
      youngest_blocks(world_.config.path, other, world_.layout, 1 << 30, world_.clock, Deadline::never()).empty());
  EXPECT_TRUE(
      youngest_blocks("/nowhere", world_.identity, world_.layout, 1 << 30, world_.clock, Deadline::never()).empty());
}

TEST_F(Warm, ItEndsAtItsDeadlineWithWhatItHas) {
  store(3);
  const auto ids = youngest(3);
  EXPECT_TRUE(
      youngest_blocks(world_.config.path, world_.identity, world_.layout, 1 << 30, world_.clock, Deadline{0}).empty());
  const auto from = world_.open();
  const auto to = ram(20);
  const auto report = copy_blocks(ids, *from, *to, world_.layout, world_.clock, Deadline{0});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->blocks, 0u);
  EXPECT_EQ(report->passed_by, 3u);
  EXPECT_FALSE(report->in_time);
}

}  // namespace
}  // namespace cairn::test
