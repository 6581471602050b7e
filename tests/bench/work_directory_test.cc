// Property: a cell starts with exactly its seed, and nothing that is not ours is ever removed.
#include "bench/work_directory.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class WorkDirectoryTest : public ::testing::Test {
 protected:
  fs::path path() const { return fs::path(folder_.path()) / "work"; }
  static void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  test::TemporaryDirectory folder_;
};

TEST_F(WorkDirectoryTest, AbsentOrEmptyIsTakenAndLeftAsItWasFound) {
  for (const bool there : {false, true}) {
    if (there) fs::create_directory(path());
    const Result<WorkDirectory> work = WorkDirectory::open(path(), FoundDirectory::kRefuse);
    ASSERT_TRUE(work) << work.error().detail;
    write(work->store() / "a.kv", "x");
    work->remove_all();
    EXPECT_EQ(fs::exists(path()), there);
    EXPECT_TRUE(!there || fs::is_empty(path()));
  }
}

TEST_F(WorkDirectoryTest, AnEarlierRunsDirectoryNeedsPurge) {
  Result<WorkDirectory> earlier = WorkDirectory::open(path(), FoundDirectory::kRefuse);
  ASSERT_TRUE(earlier);
  write(earlier->seed(400) / "a.kv", "x");
  const Result<void> refused = WorkDirectory::check(path(), FoundDirectory::kRefuse);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("--purge"), std::string::npos);
  EXPECT_TRUE(fs::exists(earlier->seed(400) / "a.kv")) << "a check changes nothing";
  const fs::path seed = earlier->seed(400);
  earlier = unavailable("gone");
  ASSERT_TRUE(WorkDirectory::check(path(), FoundDirectory::kPurge));
  ASSERT_TRUE(WorkDirectory::open(path(), FoundDirectory::kPurge));
  EXPECT_FALSE(fs::exists(seed));
}

TEST_F(WorkDirectoryTest, ARunGoesOnWithItsPlanAndCells) {
  EXPECT_FALSE(WorkDirectory::open(path(), FoundDirectory::kResume)) << "nothing is there";
  Result<WorkDirectory> earlier = WorkDirectory::open(path(), FoundDirectory::kRefuse);
  ASSERT_TRUE(earlier);
  EXPECT_FALSE(WorkDirectory::check(path(), FoundDirectory::kResume)) << "it ended before it had a plan";
  write(earlier->plan(), "users: 3\n");
  write(earlier->cells() / "a.json", "{}");
  const Result<void> refused = WorkDirectory::check(path(), FoundDirectory::kRefuse);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("--resume"), std::string::npos);
  const Result<WorkDirectory> beside = WorkDirectory::open(path(), FoundDirectory::kResume);
  ASSERT_FALSE(beside) << "the run is still there";
  EXPECT_NE(beside.error().detail.find("in use"), std::string::npos);
  earlier = unavailable("gone");
  const Result<WorkDirectory> resumed = WorkDirectory::open(path(), FoundDirectory::kResume);
  ASSERT_TRUE(resumed) << resumed.error().detail;
  EXPECT_TRUE(fs::exists(resumed->plan()));
  EXPECT_TRUE(fs::exists(resumed->cells() / "a.json"));
  resumed->finish();
  EXPECT_FALSE(WorkDirectory::check(path(), FoundDirectory::kResume)) << "a whole run does not go on";
  resumed->remove_all();
  EXPECT_FALSE(fs::exists(path())) << "the first part made it";
}

TEST_F(WorkDirectoryTest, NobodyElsesFilesAreRemoved) {
  write(path() / "thesis.txt", "years");
  EXPECT_FALSE(WorkDirectory::open(path(), FoundDirectory::kPurge)) << "no marker";
  fs::remove_all(path());
  ASSERT_TRUE(WorkDirectory::open(path(), FoundDirectory::kRefuse));
  write(path() / "thesis.txt", "years");
  const Result<WorkDirectory> refused = WorkDirectory::open(path(), FoundDirectory::kPurge);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().detail.find("thesis.txt"), std::string::npos);
  EXPECT_TRUE(fs::exists(path() / "thesis.txt"));
  fs::remove(path() / "thesis.txt");
  const Result<WorkDirectory> work = WorkDirectory::open(path(), FoundDirectory::kPurge);
  ASSERT_TRUE(work);
  write(path() / "late.txt", "x");
  work->remove_all();
  EXPECT_TRUE(fs::exists(path() / "late.txt"));
}

TEST_F(WorkDirectoryTest, AFileIsNoDirectory) {
  write(path(), "x");
  EXPECT_FALSE(WorkDirectory::open(path(), FoundDirectory::kPurge));
  EXPECT_FALSE(WorkDirectory::check("", FoundDirectory::kPurge));
}

TEST_F(WorkDirectoryTest, AFilledStoreIsTheSeedAndNothingElse) {
  const Result<WorkDirectory> work = WorkDirectory::open(path(), FoundDirectory::kRefuse);
  ASSERT_TRUE(work);
  write(work->seed(400) / "model" / "00f" / "a.kv", "block");
  write(work->seed(400) / "model" / "manifest.json", "{}");
  write(work->seed(800) / "b.kv", "other");
  write(work->store() / "old.kv", "of the cell before");
  ASSERT_TRUE(work->fill_store(400, false));
  EXPECT_FALSE(fs::exists(work->store() / "old.kv"));
  EXPECT_FALSE(fs::exists(work->store() / "b.kv"));
  EXPECT_EQ(bytes_below(work->store()), 7u);
  EXPECT_EQ(fs::hard_link_count(work->store() / "model" / "00f" / "a.kv"), 2u);
  EXPECT_EQ(fs::hard_link_count(work->store() / "model" / "manifest.json"), 1u) << "it may be written anew";
  ASSERT_TRUE(work->empty_store());
  EXPECT_TRUE(fs::exists(work->seed(400) / "model" / "00f" / "a.kv"));
  ASSERT_TRUE(work->fill_store(400, true)) << "served as a bucket";
  EXPECT_TRUE(fs::exists(work->bucket() / "model" / "00f" / "a.kv"));
  EXPECT_EQ(bytes_below(work->store()), 7u);
  ASSERT_TRUE(work->fill_store(999, false)) << "no seed";
  EXPECT_TRUE(fs::is_empty(work->store()));
  work->remove_stores();
  EXPECT_FALSE(fs::exists(work->seed(400)));
  EXPECT_TRUE(fs::exists(work->logs()));
}

}  // namespace
}  // namespace cairn
