// Property: a child is told apart from one that never started, ends when asked, or is ended, and takes its group along.
#include "bench/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "support/temporary_directory.h"

namespace cairn {
namespace {

class ChildProcessTest : public ::testing::Test {
 protected:
  Result<ChildProcess> shell(const std::string& script) {
    return ChildProcess::start({{"/bin/sh", "-c", script}, {"PATH=/usr/bin:/bin", "SEEN=1"}, log()});
  }
  std::string log() const { return folder_.path() + "/log"; }
  std::string ready() const { return folder_.path() + "/ready"; }
  Deadline soon() const { return clock_.after_us(20'000'000); }
  std::string logged() const {
    std::ostringstream text;
    text << std::ifstream(log()).rdbuf();
    return text.str();
  }

  test::TemporaryDirectory folder_;
  const SystemClock clock_;
  std::atomic<bool> stop_{false};
};

TEST_F(ChildProcessTest, BothOutputsGoToTheLogAndTheStatusIsTold) {
  Result<ChildProcess> child = shell("echo out; echo err >&2; echo seen=$SEEN home=$HOME; exit 3");
  ASSERT_TRUE(child);
  const Result<std::string> url = child->wait_ready(ready(), clock_, soon(), stop_);
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(url.error().detail.find("status 3"), std::string::npos) << url.error().detail;
  EXPECT_NE(url.error().detail.find("err"), std::string::npos) << "the tail of its log";
  EXPECT_EQ(WEXITSTATUS(*child->status()), 3);
  EXPECT_EQ(logged(), "out\nerr\nseen=1 home=\n");
}

TEST_F(ChildProcessTest, AProgramThatIsNotThereIsAnErrorOfTheStart) {
  const Result<ChildProcess> child = ChildProcess::start({{"/nowhere/cairn"}, {}, log()});
  ASSERT_FALSE(child);
  EXPECT_NE(child.error().detail.find("/nowhere/cairn"), std::string::npos);
}

TEST_F(ChildProcessTest, ReadyIsAWholeLine) {
  Result<ChildProcess> child =
      shell("printf http://127 > " + ready() + "; sleep 0.05; echo .0.0.1:1 >> " + ready() + "; exec sleep 1000");
  ASSERT_TRUE(child);
  const Result<std::string> url = child->wait_ready(ready(), clock_, soon(), stop_);
  ASSERT_TRUE(url) << url.error().detail;
  EXPECT_EQ(*url, "http://127.0.0.1:1");
  EXPECT_FALSE(child->status());
  EXPECT_EQ(WTERMSIG(child->stop(clock_, soon())), SIGTERM);
}

TEST_F(ChildProcessTest, WaitingEndsAtTheDeadlineAndAtAStop) {
  Result<ChildProcess> child = shell("exec sleep 1000");
  ASSERT_TRUE(child);
  EXPECT_EQ(child->wait_ready(ready(), clock_, clock_.after_us(20'000), stop_).error().code, ErrorCode::kTimeout);
  stop_ = true;
  EXPECT_EQ(child->wait_ready(ready(), clock_, soon(), stop_).error().code, ErrorCode::kCancelled);
}

TEST_F(ChildProcessTest, WhoDoesNotListenIsEndedWithItsGroup) {
  Result<ChildProcess> child =
      shell("trap '' TERM; sleep 1000 & echo $! > " + ready() + "; while true; do sleep 1000; done");
  ASSERT_TRUE(child);
  const Result<std::string> grandchild = child->wait_ready(ready(), clock_, soon(), stop_);
  ASSERT_TRUE(grandchild);
  EXPECT_EQ(WTERMSIG(child->stop(clock_, clock_.after_us(50'000))), SIGKILL);
  const pid_t pid = std::stoi(*grandchild);
  const Deadline deadline = soon();  // init takes it away; until then it is a zombie
  const auto runs = [&] {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string words;
    return std::getline(stat, words) && words.find(") Z") == std::string::npos;
  };
  while (runs() && !clock_.passed(deadline)) ::poll(nullptr, 0, 1);
  EXPECT_FALSE(runs());
}

TEST_F(ChildProcessTest, NothingIsLeftWhenItGoesOutOfScope) {
  pid_t pid = 0;
  {
    Result<ChildProcess> child = shell("exec sleep 1000");
    ASSERT_TRUE(child);
    ChildProcess moved = std::move(*child);
    pid = moved.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(ChildProcessTest, ItEndsWithUsHoweverWeEnd) {
  const pid_t middle = ::fork();
  if (middle == 0) {
    Result<ChildProcess> child = shell("echo $$ > " + ready() + "; exec sleep 1000");
    const bool up = child && child->wait_ready(ready(), clock_, soon(), stop_);
    ::kill(::getpid(), up ? SIGKILL : SIGTERM);  // no destructor runs
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(middle, &status, 0), middle);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  std::ifstream file(ready());
  pid_t pid = 0;
  ASSERT_TRUE(file >> pid);
  const Deadline deadline = soon();
  const auto runs = [&] {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string words;
    return std::getline(stat, words) && words.find(") Z") == std::string::npos;
  };
  while (runs() && !clock_.passed(deadline)) ::poll(nullptr, 0, 1);
  EXPECT_FALSE(runs());
}

TEST_F(ChildProcessTest, ATailIsOneBoundedLine) {
  std::ofstream(log()) << std::string(1000, 'x') << "\nlast\tline\n\n";
  const std::string tail = log_tail(log(), 20);
  EXPECT_EQ(tail.find('\n'), std::string::npos);
  EXPECT_LE(tail.size(), 23u);
  EXPECT_NE(tail.find("last line"), std::string::npos);
  EXPECT_EQ(log_tail(folder_.path() + "/none"), "no log");
}

}  // namespace
}  // namespace cairn
