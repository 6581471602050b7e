// Property: a writer killed with SIGKILL at any moment leaves a store that opens, serves every block it had reported as
// stored, and never yields a wrong byte.
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <deque>

#include "tier/fault_calls.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

constexpr int kKills = 220;
constexpr int kKillsInWindowMin = 100;
constexpr std::uint32_t kBlocksPerRound = 24;
constexpr std::size_t kRoundsKept = 4;  // older rounds are erased, so that the disk stays small

// Shared with the writer; frozen by its death. This is the list kept outside the store.
struct Ledger {
  std::atomic<std::uint32_t> reported;   // blocks 0 .. reported - 1 came back as kDone
  std::atomic<std::uint32_t> in_window;  // 1 between the opening of a temporary and the end of its publishing
  std::atomic<std::uint32_t> started;
};

// Marks the window, and dies inside it at the chosen step of the chosen put.
class WindowCalls final : public FileCalls {
 public:
  enum class Step { kNever, kCreated, kAllocated, kWritten, kBeforeName };
  WindowCalls(Ledger& shared, Step step, std::uint32_t put) : ledger_(shared), step_(step), put_(put) {}

  int open_beneath(int directory, const char* path, int flags, unsigned mode) override {
    const bool temporary = (flags & 0100) != 0 && std::string_view(path).ends_with(".tmp") && path[1] != 'm';
    if (!temporary) return FileCalls::open_beneath(directory, path, flags, mode);
    const int opened = FileCalls::open_beneath(directory, path, flags, mode);
    ledger_.in_window = 1;
    die_at(Step::kCreated);
    return opened;
  }
  int allocate(int descriptor, std::uint64_t bytes) override {
    const int result = FileCalls::allocate(descriptor, bytes);
    die_at(Step::kAllocated);
    return result;
  }
  ssize_t write(int descriptor, const iovec* pieces, int count, std::uint64_t offset) override {
    if (ledger_.in_window == 0) return FileCalls::write(descriptor, pieces, count, offset);
    const bool dying = step_ == Step::kWritten && ledger_.reported >= put_;
    const ssize_t wrote = FileCalls::write(descriptor, pieces, dying ? 1 : count, offset);  // torn when dying
    die_at(Step::kWritten);
    return wrote;
  }
  int rename_new(int directory, const char* from, const char* to) override {
    if (ledger_.in_window == 0) return FileCalls::rename_new(directory, from, to);
    die_at(Step::kBeforeName);
    const int result = FileCalls::rename_new(directory, from, to);
    ledger_.in_window = 0;
    return result;
  }

 private:
  void die_at(Step step) const {
    if (step == step_ && ledger_.in_window == 1 && ledger_.reported >= put_) kill(getpid(), SIGKILL);
  }
  Ledger& ledger_;
  Step step_;
  std::uint32_t put_;
};

[[noreturn]] void write_until_killed(FileWorld& world, Ledger& ledger, std::uint32_t round, FileCalls& calls) {
  world.calls = &calls;
  auto tier = world.open();
  ledger.started = 1;
  for (std::uint32_t n = 0; n < kBlocksPerRound; ++n) {
    world.fill(0, round * 1000 + n);
    if (run(*tier, Verb::kPut, world.id(n, round), world.pages(0)) != Outcome::kDone) _exit(3);
    ledger.reported = n + 1;
  }
  for (;;) pause();
}

struct Round {
  std::uint32_t number, reported;
};

void check_all(FileWorld& world, const std::deque<Round>& rounds) {
  auto tier = world.open();
  for (const Round& round : rounds) {
    for (std::uint32_t n = 0; n < kBlocksPerRound; ++n) {
      world.wipe(1);
      const Outcome outcome = run(*tier, Verb::kGet, world.id(n, round.number), world.pages(1));
      if (n < round.reported) {
        ASSERT_EQ(outcome, Outcome::kDone) << "a reported block is gone";
      } else {
        ASSERT_TRUE(outcome == Outcome::kDone || outcome == Outcome::kMiss) << static_cast<int>(outcome);
      }
      if (outcome == Outcome::kDone) {
        ASSERT_TRUE(world.filled_with(1, round.number * 1000 + n));
      }
    }
  }
  ASSERT_EQ(tier->report().corrupt, 0u);
}

TEST(Kill, AtAnyMomentLeavesAStoreThatServesWhatWasReported) {
  FileWorld world(tiny_store());
  world.config.io_threads = 1;  // one put at a time, so that the window is one put's
  void* shared = mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& ledger = *new (shared) Ledger{};
  Random random(23);
  std::deque<Round> rounds;
  int in_window = 0;
  for (std::uint32_t round = 0; round < kKills; ++round) {
    ledger.reported = ledger.in_window = ledger.started = 0;
    const bool inside = round % 2 == 0;
    const auto step = inside ? static_cast<WindowCalls::Step>(1 + random.below(4)) : WindowCalls::Step::kNever;
    const auto put = static_cast<std::uint32_t>(random.below(kBlocksPerRound));
    const pid_t writer = fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) {
      WindowCalls calls(ledger, step, put);
      write_until_killed(world, ledger, round, calls);
    }
    if (!inside) {  // from outside, at a moment of the clock's choosing, the opening of the store included
      const Deadline until = world.clock.after_us(static_cast<std::int64_t>(random.below(30'000)));
      while (!world.clock.passed(until)) {
      }
      kill(writer, SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
    in_window += ledger.in_window == 1 ? 1 : 0;
    rounds.push_back({round, ledger.reported});
    check_all(world, rounds);
    if (testing::Test::HasFatalFailure()) return;
    if (rounds.size() <= kRoundsKept) continue;
    auto tier = world.open();
    for (std::uint32_t n = 0; n < kBlocksPerRound; ++n) run(*tier, Verb::kErase, world.id(n, rounds.front().number));
    rounds.pop_front();
  }
  EXPECT_GE(in_window, kKillsInWindowMin);
  std::printf("%d kills, %d of them between the opening of a temporary and its name\n", kKills, in_window);
  EXPECT_FALSE(world.files(".tmp").empty());
  for (const auto& [name, bytes] : world.files(".tmp")) {
    std::filesystem::last_write_time(name, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  }
  auto tier = world.open();
  tier->wait_for_scan();
  EXPECT_TRUE(world.files(".tmp").empty()) << "orphans are swept by age";
  EXPECT_EQ(tier->usage().used_bytes, world.bytes_of_blocks());
  munmap(shared, sizeof(Ledger));
}

}  // namespace
}  // namespace cairn::test
