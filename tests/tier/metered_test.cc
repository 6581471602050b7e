// Property: the counters are exactly what happened.
#include "tier/metered.h"

#include "tier/file_world.h"
#include "tier/wrapped_world.h"

namespace cairn::test {
namespace {

TEST(Metered, CountsRowsBytesAndUse) {
  WrappedWorld world;
  const auto metrics = make_metrics();
  {
    MeteredTier tier(world.ram(), world.clock, *metrics);
    for (std::uint32_t n = 0; n < 3; ++n) ASSERT_EQ(world.put(tier, n), Outcome::kDone);
    for (std::uint32_t n = 0; n < 5; ++n) run(tier, Verb::kGet, world.id(n), world.pages(1));
    run(tier, Verb::kErase, world.id(0));
  }
  const auto counter = [&](const char* verb, const char* outcome) {
    return metrics
        ->counter("cairn_tier_operations_total", "rows by verb and outcome",
                  {{"tier", "ram"}, {"verb", verb}, {"outcome", outcome}})
        .value();
  };
  EXPECT_EQ(counter("put", "done"), 3);
  EXPECT_EQ(counter("get", "done"), 3);
  EXPECT_EQ(counter("get", "miss"), 2);
  EXPECT_EQ(counter("erase", "done"), 1);
  const auto block = static_cast<double>(world.block_bytes);
  EXPECT_EQ(metrics->counter("cairn_tier_read_bytes_total", "bytes of verified gets", {{"tier", "ram"}}).value(),
            3 * block);
  EXPECT_EQ(metrics->counter("cairn_tier_written_bytes_total", "bytes of stored puts", {{"tier", "ram"}}).value(),
            3 * block);
  EXPECT_EQ(metrics->gauge("cairn_tier_used_bytes", "bytes of stored blocks", {{"tier", "ram"}}).value(), 2 * block);
}

TEST(Metered, TiersOfAKindHaveSeriesOfTheirOwnAndAreSummedForOtherDashboards) {
  WrappedWorld world;
  const auto metrics = make_metrics();
  MeteredTier first(world.ram(), world.clock, *metrics), second(world.ram(), world.clock, *metrics, "ram-2");
  EXPECT_EQ(second.traits().name, "ram-2");
  ASSERT_EQ(world.put(first, 0), Outcome::kDone);
  for (std::uint32_t n = 0; n < 3; ++n) ASSERT_EQ(world.put(second, n), Outcome::kDone);
  metrics->expose();
  const auto block = static_cast<double>(world.block_bytes);
  const auto used = [&](const char* tier) {
    return metrics->gauge("cairn_tier_used_bytes", "bytes of stored blocks", {{"tier", tier}}).value();
  };
  EXPECT_EQ(used("ram"), block);
  EXPECT_EQ(used("ram-2"), 3 * block);
  EXPECT_EQ(metrics->gauge("lmcache:local_cache_usage", "").value(), 4 * block);
  run(second, Verb::kErase, world.id(0));
  EXPECT_EQ(metrics->gauge("lmcache:local_cache_usage", "").value(), 3 * block);
}

// What no batch of this process did: a scan after a restart, a block that another process stored, a quarantine.
TEST(Metered, UsedBytesAreTrueAtEachExpositionWhateverChangedThem) {
  FileWorld world;
  const auto metrics = make_metrics();
  const auto shown = [&] {
    metrics->expose();
    return metrics->gauge("cairn_tier_used_bytes", "bytes of stored blocks", {{"tier", "file"}}).value();
  };
  const auto there = [&] { return static_cast<double>(world.bytes_of_blocks()); };
  {
    auto before = world.open();
    ASSERT_EQ(world.put(*before, 0), Outcome::kDone);
  }
  auto opened = world.open();
  FileTier& mine = *opened;
  MeteredTier metered(std::move(opened), world.clock, *metrics);
  mine.wait_for_scan();
  EXPECT_GT(there(), 0);
  EXPECT_EQ(shown(), there()) << "after a restart";
  auto other = world.open();
  ASSERT_EQ(world.put(*other, 1), Outcome::kDone);
  ASSERT_EQ(world.put(metered, 2), Outcome::kDone);
  mine.recount();
  EXPECT_EQ(shown(), there()) << "another process stored a block";
  EXPECT_EQ(run(*other, Verb::kErase, world.id(0)), Outcome::kDone);
  std::filesystem::remove_all(std::filesystem::path(world.file_of(world.id(0))).parent_path());
  mine.recount();
  EXPECT_EQ(shown(), there()) << "and removed one with its directory";
  std::fstream(world.file_of(world.id(1)), std::ios::in | std::ios::out | std::ios::binary)
      .seekp(9000)
      .put('x')
      .put('y');
  EXPECT_EQ(run(metered, Verb::kGet, world.id(1), world.pages(1)), Outcome::kCorrupt);
  EXPECT_EQ(shown(), there()) << "after a quarantine";
  EXPECT_GT(there(), 0);
}

}  // namespace
}  // namespace cairn::test
