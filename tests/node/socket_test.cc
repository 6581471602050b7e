// A socket in a directory of ours, for us alone; one daemon at a time; messages whole, in order, with their
// descriptors.
#include "node/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class SocketTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_.path() + "/node/cairn.sock"; }
  test::TemporaryDirectory folder_;
};

TEST_F(SocketTest, ListensWhereOnlyWeMayEnterAndIsReached) {
  const Result<ListeningSocket> listening = listen_at(path());
  ASSERT_TRUE(listening) << listening.error().detail;
  struct stat found{};
  ASSERT_EQ(::stat(path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(fs::path(path()).parent_path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  EXPECT_FALSE(accept_from(listening->socket)->open()) << "nobody yet, and no waiting";
  const Result<Descriptor> client = connect_to(path());
  ASSERT_TRUE(client) << client.error().detail;
  const Result<Descriptor> server = accept_from(listening->socket);
  ASSERT_TRUE(server && server->open());
  EXPECT_EQ(peer_of(*server)->pid, ::getpid());
  EXPECT_EQ(peer_of(*client)->uid, ::geteuid());
}

TEST_F(SocketTest, ASecondDaemonIsRefusedAndADeadOnesNameIsTaken) {
  {
    const Result<ListeningSocket> first = listen_at(path());
    ASSERT_TRUE(first);
    const Result<ListeningSocket> second = listen_at(path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kRefused);
  }
  EXPECT_TRUE(fs::exists(path())) << "its name stays when it dies";
  EXPECT_FALSE(connect_to(path()));
  EXPECT_TRUE(listen_at(path()));
}

TEST_F(SocketTest, PlacesThatOthersMayEnterAreRefusedInOneLine) {
  const std::string open = folder_.path() + "/open";
  fs::create_directory(open);
  fs::permissions(open, fs::perms(0755));
  fs::create_directory_symlink(open, folder_.path() + "/link");
  std::ofstream(folder_.path() + "/file") << "x";
  for (const std::string& bad : {open + "/cairn.sock", folder_.path() + "/link/cairn.sock", std::string("cairn.sock"),
                                 folder_.path() + "/file/cairn.sock", folder_.path() + "/" + std::string(200, 'x')}) {
    const Result<ListeningSocket> listening = listen_at(bad);
    ASSERT_FALSE(listening) << bad;
    EXPECT_EQ(listening.error().detail.find('\n'), std::string::npos);
  }
  const Result<ListeningSocket> refused = listen_at(open + "/cairn.sock");
  EXPECT_NE(refused.error().detail.find("chmod 700"), std::string::npos);
}

}  // namespace
}  // namespace cairn
