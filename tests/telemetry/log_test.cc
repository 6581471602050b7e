// Property: what the log writes is one line per admitted event with its fields, and a reader that does not read never
// stops the writer.
#include "telemetry/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <string>

#include "telemetry/log_line.h"

namespace cairn {
namespace {

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::string drain() const {
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }
  std::array<int, 2> ends{};
};

TEST(Log, WritesTimeLevelEventAndFields) {
  Pipe pipe;
  VirtualClock clock;
  const auto log = make_fd_log(pipe.ends[1], LogLevel::kInfo, 10, clock);
  log->warn("tier.breaker.open", {{"tier", "file"}, {"errors", 5}, {"rate", 0.5}, {"bytes", std::uint64_t{7}}});
  EXPECT_THAT(pipe.drain(),
              testing::MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z "
                                    "warn tier\\.breaker\\.open tier=file errors=5 rate=0\\.5 bytes=7\n"));
}

TEST(Log, LevelsBelowTheChosenOneAreNotWritten) {
  Pipe pipe;
  VirtualClock clock;
  const auto log = make_fd_log(pipe.ends[1], LogLevel::kWarning, 10, clock);
  log->info("a.b.c");
  log->debug("a.b.c");
  EXPECT_FALSE(log->enabled(LogLevel::kInfo));
  EXPECT_EQ(pipe.drain(), "");
  log->error("a.b.d");
  EXPECT_THAT(pipe.drain(), testing::HasSubstr("error a.b.d\n"));
}

TEST(Log, RepeatsBeyondTheLimitAreCountedInTheNextLine) {
  Pipe pipe;
  VirtualClock clock;
  const auto log = make_fd_log(pipe.ends[1], LogLevel::kInfo, 2, clock);
  for (int i = 0; i < 5; ++i) log->info("a.b.c");
  log->info("other.event.name");
  std::string text = pipe.drain();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  clock.advance_us(1'000'000);
  log->info("a.b.c");
  EXPECT_THAT(pipe.drain(), testing::HasSubstr("info a.b.c suppressed=3\n"));
}

TEST(Log, AFullPipeLosesLinesInsteadOfBlocking) {
  Pipe pipe;
  VirtualClock clock;
  const auto log = make_fd_log(pipe.ends[1], LogLevel::kInfo, 1'000'000, clock);
  for (int i = 0; i < 5000; ++i) log->info("a.b.c", {{"text", std::string(100, 'x')}});  // far beyond 64 KiB
  const std::string text = pipe.drain();
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 5000);
  log->info("a.b.c");
  EXPECT_THAT(pipe.drain(), testing::HasSubstr("suppressed="));
}

TEST(Log, TheNullLogDropsEverything) {
  EXPECT_FALSE(null_log().enabled(LogLevel::kError));
  null_log().error("a.b.c");
}

}  // namespace
}  // namespace cairn
