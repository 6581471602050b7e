// Property: nothing outside the given directory, and nothing behind a symbolic link, can be opened by a relative name.
#include "io/file_calls.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/check.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

TEST(FileCalls, OpensOnlyBeneathAndNeverThroughLinks) {
  std::string path = std::string(CAIRN_BINARY_DIR) + "/calls-XXXXXX";
  ASSERT_NE(mkdtemp(path.data()), nullptr);
  fs::create_directories(path + "/root/sub");
  std::ofstream(path + "/outside") << "secret";
  std::ofstream(path + "/root/sub/file") << "text";
  fs::create_symlink(path + "/outside", path + "/root/link");
  fs::create_directory_symlink("sub", path + "/root/linked");
  FileCalls calls;
  const int root = calls.open_root((path + "/root").c_str());
  ASSERT_GE(root, 0);
  const int good = calls.open_beneath(root, "sub/file", O_RDONLY, 0);
  EXPECT_GE(good, 0);
  calls.close(good);
  for (const char* bad : {"../outside", "link", "linked/file", "sub/../../outside"}) {
    EXPECT_LT(calls.open_beneath(root, bad, O_RDONLY, 0), 0) << bad;
  }
  EXPECT_EQ(calls.open_beneath(root, "sub/none", O_RDONLY, 0), -ENOENT);
  FileStat found;
  EXPECT_EQ(calls.stat(root, "link", found), 0);
  EXPECT_FALSE(found.regular) << "the link itself";
  std::vector<std::string> names;
  EXPECT_EQ(calls.list(root, "sub", 100, names), 0);
  EXPECT_EQ(names, std::vector<std::string>{"file"});
  EXPECT_EQ(calls.list(root, "none", 100, names), -ENOENT);
  calls.close(root);
  fs::remove_all(path);
}

TEST(FileCalls, APipeUnderAFilesNameDoesNotBlockAnOpen) {
  std::string path = std::string(CAIRN_BINARY_DIR) + "/calls-XXXXXX";
  ASSERT_NE(mkdtemp(path.data()), nullptr);
  ASSERT_EQ(mkfifo((path + "/pipe").c_str(), 0600), 0);
  FileCalls calls;
  const int root = calls.open_root(path.c_str());
  const int opened = calls.open_beneath(root, "pipe", O_RDONLY, 0);
  ASSERT_GE(opened, 0);
  FileStat found;
  EXPECT_EQ(calls.stat_open(opened, found), 0);
  EXPECT_FALSE(found.regular);
  calls.close(opened);
  calls.close(root);
  fs::remove_all(path);
}

}  // namespace
}  // namespace cairn
