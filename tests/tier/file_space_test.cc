// Property: a real file system that is full, or a limit of the process, refuses puts; what is stored stays served.
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>

#include "tier/file_world.h"

namespace cairn::test {
namespace {

TEST(FileSpace, ARealFullDiskRefusesAndServes) {
  TemporaryDirectory at;
  if (::mount("tmpfs", at.path().c_str(), "tmpfs", 0, "size=3m") != 0) GTEST_SKIP() << "mounting is not permitted here";
  {
    FileWorld world;
    world.config.path = at.path();
    auto tier = world.open();
    EXPECT_FALSE(tier->mount().direct);
    EXPECT_EQ(world.put(*tier, 0), Outcome::kDone);
    EXPECT_EQ(world.put(*tier, 1), Outcome::kDone);
    for (std::uint32_t n = 2; n < 6; ++n) EXPECT_EQ(world.put(*tier, n), Outcome::kRefused);
    EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
    EXPECT_EQ(world.get(*tier, 1).outcome, Outcome::kDone);
    EXPECT_EQ(run(*tier, Verb::kErase, world.id(0)), Outcome::kDone);
    EXPECT_EQ(world.put(*tier, 2), Outcome::kDone);
    EXPECT_TRUE(world.files(".tmp").empty());
    EXPECT_EQ(tier->usage().used_bytes, world.bytes_of_blocks());
  }
  ::umount2(at.path().c_str(), MNT_DETACH);
}

TEST(FileSpace, ALimitOnFileSizeRefuses) {
  FileWorld world;
  auto tier = world.open();
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit small{100'000, old_limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Outcome refused = world.put(*tier, 0);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, before);
  EXPECT_EQ(refused, Outcome::kRefused);
  EXPECT_TRUE(world.files(".tmp").empty());
  EXPECT_EQ(world.put(*tier, 0), Outcome::kDone);
}

}  // namespace
}  // namespace cairn::test
