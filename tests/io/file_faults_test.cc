// Property: a transfer continues after interruptions and short counts, in either direction and with any number of
// pieces, tells the first real error, and asks before each call; publishing works where renameat2 does not know the
// flag; a mount's traits say why; descriptors are closed once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "io/file.h"
#include "support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

// Answers calls by a script: a negative number is returned, another is the most bytes that move. Then all moves.
class ScriptedCalls final : public FileCalls {
 public:
  std::deque<std::int64_t> script;
  int calls_made = 0, pieces_most = 0;

  ssize_t read(int descriptor, const iovec* pieces, int count, std::uint64_t offset) override {
    return answer(pieces, count,
                  [&](const iovec* part, int parts) { return FileCalls::read(descriptor, part, parts, offset); });
  }
  ssize_t write(int descriptor, const iovec* pieces, int count, std::uint64_t offset) override {
    return answer(pieces, count,
                  [&](const iovec* part, int parts) { return FileCalls::write(descriptor, part, parts, offset); });
  }

 private:
  template <class Call>
  ssize_t answer(const iovec* pieces, int count, Call call) {
    ++calls_made;
    pieces_most = std::max(pieces_most, count);
    if (script.empty()) return call(pieces, count);
    const std::int64_t reply = script.front();
    script.pop_front();
    if (reply <= 0) return static_cast<ssize_t>(reply);
    std::vector<iovec> part;
    std::uint64_t room = static_cast<std::uint64_t>(reply);
    for (int i = 0; i < count && room > 0; ++i) {
      part.push_back({pieces[i].iov_base, std::min<std::uint64_t>(pieces[i].iov_len, room)});
      room -= part.back().iov_len;
    }
    return call(part.data(), static_cast<int>(part.size()));
  }
};

class FileFaults : public testing::Test {
 protected:
  FileFaults() : bytes_(30'000), read_(30'000) {
    directory_ = calls_.open_root(path_.c_str());
    Random random(21);
    for (std::byte& byte : bytes_) byte = static_cast<std::byte>(random.next());
  }
  ~FileFaults() override { calls_.close(directory_); }
  OwnedFile create(FileCalls& calls, const char* name) {
    return {calls, calls.open_beneath(directory_, name, O_RDWR | O_CREAT | O_EXCL, 0600)};
  }
  // `bytes` in pieces of every length from 0 to 6, over and over.
  static std::vector<iovec> pieces_of(std::vector<std::byte>& bytes) {
    std::vector<iovec> pieces;
    for (std::size_t at = 0, length = 0; at < bytes.size(); at += length, length = (length + 1) % 7) {
      length = std::min(length, bytes.size() - at);
      pieces.push_back({bytes.data() + at, length});
    }
    return pieces;
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(path_ + "/" + name) << text; }
  std::string text_of(const std::string& name) {
    std::ifstream file(path_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  FileCalls calls_;
  const test::TemporaryDirectory temporary_;
  const std::string& path_ = temporary_.path();
  std::vector<std::byte> bytes_, read_;
  int directory_ = -1;
};

TEST_F(FileFaults, InterruptionsAndShortCountsAreContinuedInBothDirections) {
  ScriptedCalls calls;
  const std::deque<std::int64_t> hindrances{-EINTR, 1, 6, -EAGAIN, -EINTR, 4097, 2, 511, -EINTR, 3};
  const OwnedFile file = create(calls, "f");
  const auto from = pieces_of(bytes_), into = pieces_of(read_);
  ASSERT_GT(from.size(), 2'000u);
  calls.script = hindrances;
  EXPECT_EQ(write_pieces(calls, file.get(), from, 777, {}), 30'000);
  EXPECT_TRUE(calls.script.empty());
  calls.script = hindrances;
  EXPECT_EQ(read_pieces(calls, file.get(), into, 777, {}), 30'000);
  EXPECT_TRUE(calls.script.empty());
  EXPECT_EQ(read_, bytes_);
  EXPECT_LE(calls.pieces_most, 1024) << "more than the kernel takes";
  EXPECT_EQ(fs::file_size(path_ + "/f"), 30'777u);
}

TEST_F(FileFaults, TheFirstRealErrorEndsATransfer) {
  ScriptedCalls calls;
  const OwnedFile file = create(calls, "f");
  const auto pieces = pieces_of(bytes_);
  for (const int failure : {EIO, ENOSPC, ESTALE}) {
    calls.script = {100, -EINTR, -failure, 100};
    EXPECT_EQ(write_pieces(calls, file.get(), pieces, 0, {}), -failure);
    EXPECT_EQ(calls.script.size(), 1u) << "nothing is tried after it";
    calls.script = {1, -failure, 100};
    EXPECT_EQ(read_pieces(calls, file.get(), pieces, 0, {}), -failure);
    EXPECT_EQ(calls.script.size(), 1u);
  }
  calls.script = {10, 0};
  EXPECT_EQ(write_pieces(calls, file.get(), pieces, 0, {}), 10) << "a device that takes no more is not asked for ever";
}

TEST_F(FileFaults, ItIsAskedBeforeEachCallAlsoWhenAllAreInterrupted) {
  ScriptedCalls calls;
  const OwnedFile file = create(calls, "f");
  const auto pieces = pieces_of(bytes_);
  calls.script.assign(100, -EINTR);
  int asked = 0;
  EXPECT_EQ(read_pieces(calls, file.get(), pieces, 0, [&] { return ++asked <= 5; }), -ECANCELED);
  EXPECT_EQ(calls.calls_made, 5);
  EXPECT_EQ(write_pieces(calls, file.get(), pieces, 0, [] { return false; }), -ECANCELED);
  EXPECT_EQ(calls.calls_made, 5);
  const std::vector<iovec> empty{{bytes_.data(), 0}, {nullptr, 0}};
  EXPECT_EQ(write_pieces(calls, file.get(), empty, 0, {}), 0);
  EXPECT_EQ(read_pieces(calls, file.get(), {}, 0, {}), 0);
  EXPECT_EQ(calls.calls_made, 5) << "nothing to move, nothing to call";
}

TEST_F(FileFaults, PublishingFallsBackWhereRenameRefusesItsFlag) {
  class OldCalls final : public FileCalls {
   public:
    int linked = -EPERM;
    int rename_new(int, const char*, const char*) override { return -EINVAL; }
    int link(int directory, const char* from, const char* to) override {
      return linked < 0 ? linked : FileCalls::link(directory, from, to);
    }
  } calls;
  for (const int links : {0, -EPERM}) {
    calls.linked = links;
    const auto traits = probe_mount(calls, directory_, DirectMode::kNever);
    ASSERT_TRUE(traits.has_value());
    EXPECT_EQ(traits->publish, links == 0 ? PublishMethod::kLink : PublishMethod::kRename);
    const std::string name = links == 0 ? "linked" : "renamed";
    write("first.tmp", "first");
    write("second.tmp", "second");
    EXPECT_EQ(publish(calls, traits->publish, directory_, "first.tmp", name.c_str()), 0);
    EXPECT_EQ(publish(calls, traits->publish, directory_, "second.tmp", name.c_str()), -EEXIST);
    EXPECT_EQ(text_of(name), "first");
    EXPECT_EQ(text_of("second.tmp"), "second") << "it stays with its writer";
    EXPECT_FALSE(fs::exists(path_ + "/first.tmp"));
  }
  write("third.tmp", "third");
  calls.linked = -EIO;
  EXPECT_EQ(publish(calls, PublishMethod::kLink, directory_, "third.tmp", "third"), -EIO);
  EXPECT_FALSE(fs::exists(path_ + "/third"));
  EXPECT_TRUE(fs::exists(path_ + "/third.tmp"));
}

TEST_F(FileFaults, TraitsSayWhatIsSoAndWhy) {
  class Mount final : public FileCalls {
   public:
    int create_failure = 0, direct_failure = 0;
    DirectAlignment alignment{true, 512, 4096};
    std::int64_t magic = EXT4_SUPER_MAGIC;
    int open_beneath(int directory, const char* path, int flags, unsigned mode) override {
      if ((flags & O_CREAT) != 0 && create_failure != 0) return create_failure;
      if ((flags & O_DIRECT) != 0 && direct_failure != 0) return direct_failure;
      return FileCalls::open_beneath(directory, path, flags & ~O_DIRECT, mode);
    }
    int direct_alignment(int, DirectAlignment& into) override { return into = alignment, 0; }
    std::int64_t file_system_magic(int) override { return magic; }
  } calls;
  auto traits = *probe_mount(calls, directory_, DirectMode::kAuto);
  EXPECT_TRUE(traits.direct);
  EXPECT_EQ(traits.alignment, kIoAlignment);
  EXPECT_EQ(traits.file_system, "ext4");
  calls.direct_failure = -EINVAL;
  traits = *probe_mount(calls, directory_, DirectMode::kAuto);
  EXPECT_FALSE(traits.direct);
  EXPECT_EQ(traits.alignment, 1u) << "the page cache takes anything";
  EXPECT_NE(traits.direct_reason.find("refuses"), std::string::npos);
  const auto forced = probe_mount(calls, directory_, DirectMode::kAlways);
  ASSERT_FALSE(forced.has_value()) << "asked for and impossible";
  EXPECT_EQ(forced.error().code, ErrorCode::kUnavailable);
  calls.magic = 0x1badface;
  EXPECT_EQ(probe_mount(calls, directory_, DirectMode::kNever)->file_system, "0x1badface");
  calls.create_failure = -EROFS;
  const auto refused = probe_mount(calls, directory_, DirectMode::kAuto);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(refused.error().detail.find("Read-only"), std::string::npos) << refused.error().detail;
  EXPECT_TRUE(fs::is_empty(path_)) << "a probe leaves nothing behind";
  calls.direct_failure = 0;
  write("there", "x");
  EXPECT_TRUE(probe_read_only_mount(calls, directory_, "there", DirectMode::kAuto).direct);
  EXPECT_FALSE(probe_read_only_mount(calls, directory_, "gone", DirectMode::kAuto).direct);
  EXPECT_FALSE(fs::exists(path_ + "/gone"));
}

TEST_F(FileFaults, WhatTheProbePromisesHoldsForARealTransfer) {
  const auto traits = probe_mount(calls_, directory_, DirectMode::kAuto);
  ASSERT_TRUE(traits.has_value());
  const int direct = traits->direct ? O_DIRECT : 0;
  const OwnedFile file(calls_, calls_.open_beneath(directory_, "d", O_RDWR | O_CREAT | direct, 0600));
  ASSERT_TRUE(file.open());
  const AlignedBuffer out(3 * kIoAlignment - 5), in(3 * kIoAlignment);
  ASSERT_EQ(out.size(), 3u * kIoAlignment) << "rounded up";
  ASSERT_EQ(reinterpret_cast<std::uintptr_t>(out.data()) % kIoAlignment, 0u);
  std::copy_n(bytes_.begin(), out.size(), out.data());
  const std::vector<iovec> from{{out.data(), out.size()}}, into{{in.data(), in.size()}};
  EXPECT_EQ(write_pieces(calls_, file.get(), from, kIoAlignment, {}), 3 * std::int64_t{kIoAlignment});
  EXPECT_EQ(read_pieces(calls_, file.get(), into, kIoAlignment, {}), 3 * std::int64_t{kIoAlignment});
  EXPECT_TRUE(std::equal(in.data(), in.data() + in.size(), out.data()));
}

TEST_F(FileFaults, AnOwnedDescriptorIsClosedOnceWhereverItMoves) {
  class CountingCalls final : public FileCalls {
   public:
    std::vector<int> closed;
    int close(int descriptor) override { return closed.push_back(descriptor), 0; }
  } calls;
  {
    OwnedFile a(calls, 1001), b(calls, 1002);
    OwnedFile c(std::move(a));
    EXPECT_FALSE(a.open());  // NOLINT: what a move leaves is part of the contract
    b = std::move(c);
    EXPECT_EQ(calls.closed, std::vector<int>{1002}) << "what was there before";
    EXPECT_EQ(b.get(), 1001);
    b.reset();
    b.reset();
    const OwnedFile failed(calls, -ENOENT);
    EXPECT_FALSE(failed.open());
  }
  EXPECT_EQ(calls.closed, (std::vector<int>{1002, 1001}));
}

}  // namespace
}  // namespace cairn
