// Every regular file beneath a directory is listed once, links are not followed, and a removal takes what became empty
// with it and nothing else.
#include "evict/directory_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "support/temporary_directory.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class DirectoryFilesTest : public testing::Test {
 protected:
  DirectoryFilesTest() : directory_(CAIRN_BINARY_DIR), root_(directory_.path()) {
    write("a/b/one", "1");
    write("a/b/two", "22");
    write("a/three", "333");
    write("four", "");
    fs::create_directories(root_ / "empty");
    fs::create_symlink("/etc/passwd", root_ / "a/link");
    fs::create_directory_symlink("/etc", root_ / "etc");
    files_ = open_directory_files(root_).value();
  }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::vector<std::string> listed() {
    std::vector<std::string> paths;
    EXPECT_TRUE(files_->each([&](const StoredFile& file) {
      EXPECT_EQ(file.bytes, fs::file_size(root_ / file.path));
      EXPECT_GT(file.modified_us, 1'600'000'000'000'000);
      paths.push_back(file.path);
      return true;
    }));
    std::ranges::sort(paths);
    return paths;
  }
  TemporaryDirectory directory_;
  fs::path root_;
  std::unique_ptr<StoreFiles> files_;
};

TEST_F(DirectoryFilesTest, ListsEveryFileOnceAndFollowsNoLink) {
  EXPECT_EQ(listed(), (std::vector<std::string>{"a/b/one", "a/b/two", "a/three", "four"}));
  int seen = 0;
  EXPECT_TRUE(files_->each([&](const StoredFile&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2) << "the visitor had enough";
}

TEST_F(DirectoryFilesTest, ReadsTheBeginningOrAllThatThereIs) {
  std::vector<std::byte> bytes;
  EXPECT_EQ(files_->read("a/three", 2, bytes).value(), true);
  EXPECT_EQ(bytes.size(), 2u);
  EXPECT_EQ(files_->read("a/three", 100, bytes).value(), true);
  EXPECT_EQ(bytes, std::vector<std::byte>(3, std::byte{'3'}));
  EXPECT_EQ(files_->read("a/none", 100, bytes).value(), false);
  EXPECT_FALSE(files_->read("a/link", 100, bytes)) << "a link";
  EXPECT_FALSE(files_->read("etc/passwd", 100, bytes)) << "beneath a link";
  EXPECT_FALSE(files_->read("../" + root_.filename().string() + "/four", 100, bytes)) << "upwards";
}

TEST_F(DirectoryFilesTest, RemovesFilesAndWhatBecameEmpty) {
  const std::vector<std::string> gone = {"a/b/one", "a/b/two", "a/b/none"};
  EXPECT_EQ(files_->remove(gone).gone, 2u);
  files_->tidy_up();
  EXPECT_FALSE(fs::exists(root_ / "a/b"));
  EXPECT_TRUE(fs::exists(root_ / "a/three"));
  EXPECT_TRUE(fs::exists(root_ / "empty")) << "empty before: somebody else's";
  EXPECT_EQ(listed(), (std::vector<std::string>{"a/three", "four"}));
}

// Who may write in a store must not choose what is listed or removed elsewhere.
TEST_F(DirectoryFilesTest, NothingIsRemovedThroughALink) {
  const TemporaryDirectory elsewhere(CAIRN_BINARY_DIR);
  std::ofstream(elsewhere.path() + "/one") << "1";
  fs::remove_all(root_ / "a/b");
  fs::create_directory_symlink(elsewhere.path(), root_ / "a/b");
  const std::vector<std::string> paths = {"a/b/one", "four", "../" + root_.filename().string() + "/a/three"};
  const StoreFiles::Removal removal = files_->remove(paths);
  EXPECT_EQ(removal.gone, 1u);
  ASSERT_EQ(removal.refused.size(), 2u);
  EXPECT_EQ(removal.refused[0].path, "a/b/one");
  EXPECT_FALSE(removal.refused[0].why.empty());
  EXPECT_TRUE(fs::exists(elsewhere.path() + "/one") && fs::exists(root_ / "a/three"));
}

TEST(DirectoryFiles, ADirectoryThatIsNotThereIsOneLine) {
  const auto files = open_directory_files("/nowhere/at/all");
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(files.error().detail.find("/nowhere/at/all"), std::string::npos);
}

}  // namespace
}  // namespace cairn::test
