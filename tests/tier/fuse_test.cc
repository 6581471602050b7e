// Property: on a file system whose read answers after the deadline, memory stays held until the late bytes are in; what
// another request puts there afterwards is never changed. And on a file system without O_DIRECT and renameat2 the tier
// says so and works.
#include <thread>

#include "tier/file_world.h"
#include "tier/fuse_passthrough.h"

namespace cairn::test {
namespace {

class FuseTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(base.path() + "/source");
    std::filesystem::create_directory(base.path() + "/mount");
    std::string why;
    if (!fuse.mount(base.path() + "/source", base.path() + "/mount", why)) GTEST_SKIP() << why;
    world = std::make_unique<FileWorld>();
    world->config.path = base.path() + "/mount/store";
  }
  bool held(std::uint32_t slot) const {
    return world->arena->held(static_cast<std::uint64_t>(world->data(slot) - world->arena->data()), world->block_bytes);
  }
  TemporaryDirectory base;
  FusePassthrough fuse;
  std::unique_ptr<FileWorld> world;
};

TEST_F(FuseTest, FallsBackLoudlyAndPublishesByLink) {
  auto tier = world->open();
  EXPECT_FALSE(tier->mount().direct);
  EXPECT_EQ(tier->mount().file_system, "fuse");
  EXPECT_EQ(tier->mount().publish, PublishMethod::kLink);
  EXPECT_EQ(world->log.count("direct=no"), 1u);
  ASSERT_EQ(world->put(*tier, 0), Outcome::kDone);
  EXPECT_EQ(world->get(*tier, 0).outcome, Outcome::kDone);
  EXPECT_EQ(world->put(*tier, 0), Outcome::kDone);
  EXPECT_EQ(run(*tier, Verb::kErase, world->id(0)), Outcome::kDone);
  tier->wait_for_scan();
  EXPECT_EQ(tier->usage().used_bytes, 0u);
}

TEST_F(FuseTest, ALateAnswerNeverChangesMemoryGivenToAnotherRequest) {
  auto tier = world->open();
  ASSERT_EQ(world->put(*tier, 0), Outcome::kDone);
  for (int round = 0; round < 3; ++round) {
    world->wipe(1);
    fuse.control().hang_reads = 1;
    CompletionQueue queue;
    Work late(queue, Verb::kGet, world->clock.after_us(60'000));
    late.add(world->id(0), world->pages(1));
    late.submit(*tier);
    ASSERT_EQ(wait_for(queue), &late.batch);
    EXPECT_EQ(late.slots[0].reason, MissReason::kTimeout);
    ASSERT_GE(fuse.control().waiting_reads.load(), 1);
    ASSERT_TRUE(held(1));  // a pool asks this before it hands pages out
    fuse.control().hang_reads = 0;
    while (held(1)) std::this_thread::yield();
    // The late bytes did come: the hazard is real.
    EXPECT_NE(world->data(1)[0], std::byte{0xee});
    world->fill(1, 4242);  // now it belongs to another request
    ASSERT_EQ(world->get(*tier, 0, 2).outcome, Outcome::kDone);
    EXPECT_TRUE(world->filled_with(1, 4242));
  }
}

TEST_F(FuseTest, AMountThatDiesIsAMiss) {
  auto tier = world->open();
  ASSERT_EQ(world->put(*tier, 0), Outcome::kDone);
  std::filesystem::remove_all(base.path() + "/source/store");
  const BlockSlot row = world->get(*tier, 0);
  EXPECT_EQ(row.outcome, Outcome::kMiss);
}

}  // namespace
}  // namespace cairn::test
