// Property: the benchmark measures what it says: every row moves, the label follows the device's bytes, nothing is
// left.
#include "yardstick/tier_bench.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temporary_directory.h"

namespace cairn {
namespace {

TEST(TierBench, MovesEveryBlockAndCleansUp) {
  test::TemporaryDirectory directory;
  TierBenchOptions options;
  options.store.path = directory.path();
  options.data_bytes = 48 << 20;
  options.rounds = 2;
  options.with_fio = false;
  const SystemClock clock;
  int lines = 0;
  const auto report = bench_tier(options, clock, null_log(), [&](const std::string&) { ++lines; });
  ASSERT_TRUE(report.has_value()) << report.error().detail;
  EXPECT_EQ(report->failed_rows, 0u);
  EXPECT_EQ(report->block_bytes, 5898240u);
  EXPECT_EQ(report->put.bytes, 2 * report->data_bytes);
  EXPECT_GT(report->put.gb_per_s, 0);
  EXPECT_GT(report->get.gb_per_s, 0);
  EXPECT_GT(report->lookups_per_s, 0);
  EXPECT_EQ(lines, 2);
  if (report->direct) {
    EXPECT_GE(report->put.device_bytes, report->put.bytes);
    EXPECT_EQ(report->get.source, "direct");
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  EXPECT_NE(to_text(*report).find("checksums on"), std::string::npos);
}

TEST(TierBench, AReadThatNoDeviceServedIsLabelled) {
  if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "no memory file system here";
  test::TemporaryDirectory directory("/dev/shm");
  TierBenchOptions options;
  options.store.path = directory.path();
  options.data_bytes = 24 << 20;
  options.rounds = 1;
  options.with_fio = false;
  const SystemClock clock;
  const auto report = bench_tier(options, clock, null_log(), {});
  ASSERT_TRUE(report.has_value()) << report.error().detail;
  EXPECT_FALSE(report->direct);
  EXPECT_EQ(report->get.source, "page cache");
}

TEST(TierBench, RefusesOptionsThatMeanNothing) {
  TierBenchOptions options;
  options.store.path = "/tmp";
  options.rounds = 0;
  const SystemClock clock;
  EXPECT_EQ(bench_tier(options, clock, null_log(), {}).error().code, ErrorCode::kInvalid);
}

TEST(TierBench, LeavesAloneWhatTheDirectoryHolds) {
  const test::TemporaryDirectory directory;
  const std::filesystem::path mine = std::filesystem::path(directory.path()) / "cairn-bench";
  std::filesystem::create_directory(mine);
  TierBenchOptions options;
  options.store.path = directory.path();
  options.data_bytes = 8 << 20;
  options.shape.layers = 1, options.rounds = 1;
  options.with_fio = false;
  const SystemClock clock;
  ASSERT_TRUE(bench_tier(options, clock, null_log(), {}).has_value());
  EXPECT_TRUE(std::filesystem::exists(mine));
  std::filesystem::remove(mine);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(TierBench, RefusesMoreDataThanTheDiskHolds) {
  const test::TemporaryDirectory directory;
  TierBenchOptions options;
  options.store.path = directory.path();
  options.data_bytes = std::uint64_t{1} << 60;
  const SystemClock clock;
  EXPECT_EQ(bench_tier(options, clock, null_log(), {}).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(TierBench, RefusesADirectoryThatIsNotThere) {
  const test::TemporaryDirectory directory;
  TierBenchOptions options;
  options.store.path = directory.path() + "/none";
  const SystemClock clock;
  EXPECT_EQ(bench_tier(options, clock, null_log(), {}).error().code, ErrorCode::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(options.store.path));
}

}  // namespace
}  // namespace cairn
