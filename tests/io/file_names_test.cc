// Property: what the calls of the seam promise about names: no link is followed, no open waits, no new name replaces an
// old one, also on kernels without openat2; every failure is a negative errno.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/check.h"
#include "io/file_calls.h"
#include "support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class FileNames : public testing::Test {
 protected:
  FileNames() {
    fs::create_directories(path_ + "/root/sub");
    write("../outside", "secret");
    write("file", "text");
    write("sub/file", "below");
    fs::create_symlink("file", path_ + "/root/link");
    fs::create_symlink("nowhere", path_ + "/root/dangling");
    fs::create_directory_symlink("sub", path_ + "/root/linked");
    CAIRN_CHECK(mkfifo((path_ + "/root/pipe").c_str(), 0600) == 0, "a test needs a pipe");
    root_ = calls_.open_root((path_ + "/root").c_str());
  }
  ~FileNames() override { calls_.close(root_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(path_ + "/root/" + name) << text; }
  std::string text_of(const std::string& name) {
    std::ifstream file(path_ + "/root/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int open_and_close(const char* name, int flags) {
    const int opened = calls_.open_beneath(root_, name, flags, 0600);
    if (opened >= 0) calls_.close(opened);
    return opened < 0 ? opened : 0;
  }
  // The first name that is treated otherwise than it should be; null: none.
  const char* first_wrong_name() {
    for (const char* good : {"file", "sub/file"}) {
      if (open_and_close(good, O_RDONLY) != 0) return good;
    }
    for (const char* bad : {"link", "dangling", "linked/file", "../outside", "sub/../../outside", "/etc/passwd", "",
                            "none", "none/file", "file/below"}) {
      if (open_and_close(bad, O_RDONLY) >= 0) return bad;
    }
    for (const char* bad : {"dangling", "linked/new", "../new", "link"}) {
      if (open_and_close(bad, O_WRONLY | O_CREAT) >= 0) return bad;
    }
    if (open_and_close("pipe", O_WRONLY) != -ENXIO) return "pipe for writing";
    if (open_and_close("pipe", O_RDONLY) != 0) return "pipe";
    return nullptr;
  }

  FileCalls calls_;
  const test::TemporaryDirectory temporary_;
  const std::string& path_ = temporary_.path();
  int root_ = -1;
};

TEST_F(FileNames, NoLinkIsFollowedNothingOutsideOpensAndNoPipeBlocks) {
  EXPECT_STREQ(first_wrong_name(), nullptr);
  EXPECT_EQ(open_and_close("link", O_RDONLY), -ELOOP);
  EXPECT_FALSE(fs::exists(path_ + "/root/nowhere")) << "nothing is made where a link points";
  const int opened = calls_.open_beneath(root_, "file", O_RDONLY, 0);
  ASSERT_GE(opened, 0);
  EXPECT_NE(fcntl(opened, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(opened, F_GETFD) & FD_CLOEXEC, 0);
  calls_.close(opened);
}

// Takes openat2 from this process, as old kernels and some sandboxes do.
bool forbid_openat2(int failure) {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(failure)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(std::size(rules)), rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(FileNames, TheSameHoldsWithoutOpenat2) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const int failure : {ENOSYS, EPERM}) {
    EXPECT_EXIT(
        {
          if (!forbid_openat2(failure)) _exit(3);
          const char* wrong = first_wrong_name();
          if (wrong != nullptr) dprintf(2, "wrong name: '%s'\n", wrong);
          _exit(wrong == nullptr ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
  }
}

TEST_F(FileNames, ANewNameNeverReplacesAnOldOneAndAMoveDoes) {
  EXPECT_EQ(calls_.rename_new(root_, "file", "sub/file"), -EEXIST);
  EXPECT_EQ(calls_.link(root_, "file", "sub/file"), -EEXIST);
  EXPECT_EQ(calls_.rename_new(root_, "file", "dangling"), -EEXIST) << "a link that points nowhere is a name too";
  EXPECT_EQ(text_of("sub/file"), "below");
  EXPECT_EQ(text_of("file"), "text");
  EXPECT_EQ(calls_.rename_new(root_, "file", "moved"), 0);
  EXPECT_EQ(calls_.link(root_, "moved", "twice"), 0);
  EXPECT_EQ(calls_.unlink(root_, "moved"), 0);
  EXPECT_EQ(text_of("twice"), "text");
  const int sub = calls_.open_beneath(root_, "sub", O_RDONLY | O_DIRECTORY, 0);
  ASSERT_GE(sub, 0);
  EXPECT_EQ(calls_.move(root_, "twice", sub, "file"), 0);
  EXPECT_EQ(text_of("sub/file"), "text");
  EXPECT_EQ(calls_.rename(sub, "file", "other"), 0);
  calls_.close(sub);
  EXPECT_EQ(calls_.unlink(root_, "link"), 0) << "the link, not what it names";
}

TEST_F(FileNames, AStatTellsKindSizeAndIdentity) {
  FileStat file, same, directory, link;
  ASSERT_EQ(calls_.stat(root_, "file", file), 0);
  EXPECT_TRUE(file.regular);
  EXPECT_FALSE(file.directory);
  EXPECT_EQ(file.bytes, 4u);
  EXPECT_EQ(file.uid, geteuid());
  const int opened = calls_.open_beneath(root_, "file", O_RDWR, 0);
  ASSERT_GE(opened, 0);
  EXPECT_EQ(calls_.chmod_open(opened, 0640), 0);
  EXPECT_EQ(calls_.allocate(opened, 8192), 0);
  EXPECT_EQ(calls_.sync(opened, SyncKind::kData), 0);
  EXPECT_EQ(calls_.sync(opened, SyncKind::kFull), 0);
  EXPECT_EQ(calls_.drop_cache(opened), 0);
  ASSERT_EQ(calls_.stat_open(opened, same), 0);
  calls_.close(opened);
  EXPECT_EQ(same.inode, file.inode);
  EXPECT_EQ(same.device, file.device);
  EXPECT_EQ(same.mode, 0640u);
  EXPECT_EQ(same.bytes, 8192u);
  ASSERT_EQ(calls_.stat(root_, "sub", directory), 0);
  EXPECT_TRUE(directory.directory);
  for (const char* neither : {"link", "pipe", "linked"}) {
    ASSERT_EQ(calls_.stat(root_, neither, link), 0);
    EXPECT_FALSE(link.regular || link.directory) << neither;
  }
}

TEST_F(FileNames, AListingIsBounded) {
  std::vector<std::string> names;
  ASSERT_EQ(calls_.list(root_, ".", 100, names), 0);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"dangling", "file", "link", "linked", "pipe", "sub"}));
  names.clear();
  ASSERT_EQ(calls_.list(root_, ".", 4, names), 0);
  EXPECT_EQ(names.size(), 4u);
  EXPECT_LT(calls_.list(root_, "linked", 100, names), 0) << "a link to a directory";
  EXPECT_EQ(calls_.list(root_, "file", 100, names), -ENOTDIR);
}

TEST_F(FileNames, EveryFailureIsANegativeErrno) {
  char byte = 0;
  const iovec piece{&byte, 1};
  FileStat found;
  DirectAlignment alignment;
  EXPECT_EQ(calls_.read(-1, &piece, 1, 0), -EBADF);
  EXPECT_EQ(calls_.write(-1, &piece, 1, 0), -EBADF);
  EXPECT_EQ(calls_.stat_open(-1, found), -EBADF);
  EXPECT_EQ(calls_.direct_alignment(-1, alignment), -EBADF);
  EXPECT_EQ(calls_.file_system_magic(-1), -EBADF);
  EXPECT_EQ(calls_.allocate(-1, 1), -EBADF);
  EXPECT_EQ(calls_.sync(-1, SyncKind::kData), -EBADF);
  EXPECT_EQ(calls_.drop_cache(-1), -EBADF);
  EXPECT_EQ(calls_.chmod_open(-1, 0600), -EBADF);
  EXPECT_EQ(calls_.close(-1), -EBADF);
  EXPECT_EQ(calls_.open_root((path_ + "/none").c_str()), -ENOENT);
  EXPECT_EQ(calls_.open_root((path_ + "/root/file").c_str()), -ENOTDIR);
  EXPECT_EQ(calls_.stat(root_, "none", found), -ENOENT);
  EXPECT_EQ(calls_.rename_new(root_, "none", "new"), -ENOENT);
  EXPECT_EQ(calls_.rename(root_, "none", "new"), -ENOENT);
  EXPECT_EQ(calls_.link(root_, "none", "new"), -ENOENT);
  EXPECT_EQ(calls_.unlink(root_, "none"), -ENOENT);
  EXPECT_EQ(calls_.make_directory(root_, "sub", 0700), -EEXIST);
}

}  // namespace
}  // namespace cairn
