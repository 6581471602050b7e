// Property: transfers are whole in bounded steps, a published name is given once by each method, and a mount's traits
// are what really happens there.
#include "io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/random.h"
#include "support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  FileTest() { directory_ = calls_.open_root(path_.c_str()); }
  ~FileTest() override { calls_.close(directory_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(path_ + "/" + name) << text; }
  std::string read(const std::string& name) {
    std::ifstream file(path_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  FileCalls calls_;
  const test::TemporaryDirectory temporary_;
  const std::string& path_ = temporary_.path();
  int directory_ = -1;
};

// Records the size of each call and moves less than asked.
class SteppingCalls final : public FileCalls {
 public:
  ssize_t read(int descriptor, const iovec* pieces, int count, std::uint64_t offset) override {
    note(pieces, count);
    if (++turn % 4 == 0) return -EINTR;
    const iovec part{pieces->iov_base, std::max<std::size_t>(pieces->iov_len / 2, 1)};
    return FileCalls::read(descriptor, &part, 1, offset);
  }
  ssize_t write(int descriptor, const iovec* pieces, int count, std::uint64_t offset) override {
    note(pieces, count);
    return FileCalls::write(descriptor, pieces, count, offset);
  }
  void note(const iovec* pieces, int count) {
    std::uint64_t bytes = 0;
    for (int i = 0; i < count; ++i) bytes += pieces[i].iov_len;
    largest = std::max(largest, bytes);
  }
  std::uint64_t largest = 0;
  int turn = 0;
};

TEST_F(FileTest, TransfersAreWholeInBoundedSteps) {
  SteppingCalls calls;
  Random random(6);
  std::vector<std::vector<std::byte>> out, in;
  std::vector<iovec> from, into;
  for (const std::size_t bytes :
       {std::size_t{3}, std::size_t{0}, std::size_t{3'000'000}, std::size_t{1}, std::size_t{700'001}}) {
    out.emplace_back(bytes);
    for (std::byte& byte : out.back()) byte = static_cast<std::byte>(random.next());
    in.emplace_back(bytes);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    from.push_back({out[i].data(), out[i].size()});
    into.push_back({in[i].data(), in[i].size()});
  }
  OwnedFile file(calls, calls.open_beneath(directory_, "f", O_RDWR | O_CREAT | O_EXCL, 0600));
  ASSERT_TRUE(file.open());
  EXPECT_EQ(write_pieces(calls, file.get(), from, 5, {}), 3'700'005);
  EXPECT_EQ(read_pieces(calls, file.get(), into, 5, {}), 3'700'005);
  EXPECT_EQ(in, out);
  EXPECT_LE(calls.largest, kIoStepBytes + 4096);
  EXPECT_EQ(read_pieces(calls, file.get(), into, 1005, {}), 3'699'005) << "short at the end of the file";
  int steps = 0;
  EXPECT_EQ(write_pieces(calls, file.get(), from, 0, [&] { return ++steps < 2; }), -ECANCELED);
  EXPECT_LT(read_pieces(calls, -1, into, 0, {}), 0);
}

TEST_F(FileTest, EveryMethodPublishesOnceAndKeepsTheFirst) {
  for (const PublishMethod method : {PublishMethod::kRenameNew, PublishMethod::kLink, PublishMethod::kRename}) {
    const std::string name = std::string("block-") + to_string(method);
    write("a.tmp", "first");
    write("b.tmp", "second");
    EXPECT_EQ(publish(calls_, method, directory_, "a.tmp", name.c_str()), 0);
    EXPECT_EQ(publish(calls_, method, directory_, "b.tmp", name.c_str()), -EEXIST);
    EXPECT_EQ(read(name), "first");
    EXPECT_FALSE(fs::exists(path_ + "/a.tmp"));
    EXPECT_TRUE(fs::exists(path_ + "/b.tmp"));
    EXPECT_EQ(publish(calls_, method, directory_, "missing.tmp", "new"), -ENOENT);
  }
}

// The answer of a link that did happen was lost, as network file systems do.
TEST_F(FileTest, ALinkWhoseAnswerWasLostCountsAsPublished) {
  class LosingCalls final : public FileCalls {
    int link(int directory, const char* from, const char* to) override {
      FileCalls::link(directory, from, to);
      return -EEXIST;
    }
  } calls;
  write("a.tmp", "x");
  EXPECT_EQ(publish(calls, PublishMethod::kLink, directory_, "a.tmp", "name"), 0);
  EXPECT_EQ(read("name"), "x");
  EXPECT_FALSE(fs::exists(path_ + "/a.tmp"));
}

// A kernel that refuses flags of rename for new names, and one that has no links either.
TEST_F(FileTest, TheProbeTakesTheFirstMethodThatWorksWithANewName) {
  class OldCalls : public FileCalls {
   public:
    bool links = true;
    int rename_new(int, const char*, const char*) override { return -EINVAL; }
    int link(int directory, const char* from, const char* to) override {
      return links ? FileCalls::link(directory, from, to) : -EPERM;
    }
  } calls;
  EXPECT_EQ(probe_mount(calls, directory_, DirectMode::kAuto)->publish, PublishMethod::kLink);
  calls.links = false;
  EXPECT_EQ(probe_mount(calls, directory_, DirectMode::kAuto)->publish, PublishMethod::kRename);
  EXPECT_TRUE(fs::is_empty(path_)) << "a probe leaves nothing behind";
}

TEST_F(FileTest, DirectIoIsWhatTheKernelReportsNotWhatOpens) {
  class ReportingCalls final : public FileCalls {
   public:
    DirectAlignment alignment;
    std::int64_t magic = 0x1234;
    int direct_alignment(int, DirectAlignment& into) override { return into = alignment, 0; }
    std::int64_t file_system_magic(int) override { return magic; }
    int open_beneath(int directory, const char* path, int flags, unsigned mode) override {
      return FileCalls::open_beneath(directory, path, flags & ~O_DIRECT, mode);  // always opens
    }
  } calls;
  calls.alignment = {true, 512, 512};
  EXPECT_TRUE(probe_mount(calls, directory_, DirectMode::kAuto)->direct);
  EXPECT_FALSE(probe_mount(calls, directory_, DirectMode::kNever)->direct);
  calls.alignment = {true, 0, 0};
  EXPECT_FALSE(probe_mount(calls, directory_, DirectMode::kAuto)->direct);
  calls.alignment = {true, 65536, 65536};
  EXPECT_FALSE(probe_mount(calls, directory_, DirectMode::kAuto)->direct);
  calls.alignment = {};
  EXPECT_TRUE(probe_mount(calls, directory_, DirectMode::kAuto)->direct);
  for (const std::int64_t liar : {0x01021994, 0x65735546}) {  // tmpfs, FUSE
    calls.magic = liar;
    EXPECT_FALSE(probe_mount(calls, directory_, DirectMode::kAuto)->direct);
    EXPECT_TRUE(probe_mount(calls, directory_, DirectMode::kAlways)->direct);
  }
}

TEST_F(FileTest, DirectoriesAreMadeWithTheirModeWhateverTheUmask) {
  const mode_t before = umask(077);
  EXPECT_EQ(make_directories(calls_, directory_, "a/b/c", 0775), 0);
  EXPECT_EQ(make_directories(calls_, directory_, "a/b/c", 0775), 0);
  umask(before);
  struct stat found{};
  ASSERT_EQ(stat((path_ + "/a/b").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0775u);
  write("file", "x");
  EXPECT_LT(make_directories(calls_, directory_, "file/below", 0700), 0);
}

}  // namespace
}  // namespace cairn
