// Property: whatever the system answers to a read, a get yields the right bytes or none, and a read that hangs takes
// nothing with it.
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "support/gate.h"
#include "tier/fault_calls.h"
#include "tier/file_tier.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class FileGetTest : public testing::Test {
 protected:
  FileWorld world;
  FaultCalls faults;
};

TEST_F(FileGetTest, ErrorsOfTheSystemAreMissesOrFailuresNeverBytes) {
  world.calls = &faults;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  const std::vector<std::tuple<int, Outcome, MissReason>> cases = {{ESTALE, Outcome::kMiss, MissReason::kVanished},
                                                                   {EINVAL, Outcome::kMiss, MissReason::kVanished},
                                                                   {ENOTCONN, Outcome::kMiss, MissReason::kVanished},
                                                                   {EACCES, Outcome::kMiss, MissReason::kDenied},
                                                                   {EIO, Outcome::kFailed, MissReason::kFailed}};
  for (const auto& [code, outcome, reason] : cases) {
    faults.on_read = [failure = code] { return -failure; };
    const BlockSlot row = world.get(*tier, 0);
    EXPECT_EQ(row.outcome, outcome) << code;
    EXPECT_EQ(row.reason, reason) << code;
  }
  world.get(*tier, 0);
  EXPECT_EQ(world.log.count("tier.file.denied"), 1u);
  EXPECT_EQ(world.log.count("our_uid="), 1u);
  faults.on_read = nullptr;
  EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
}

TEST_F(FileGetTest, ALinkAboveABlockIsNotFollowed) {
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  const fs::path fan = fs::path(world.file_of(world.id(0))).parent_path();
  fs::rename(fan, fan.string() + "-moved");
  fs::create_directory_symlink(fan.string() + "-moved", fan);
  EXPECT_NE(world.get(*tier, 0).outcome, Outcome::kDone);
}

TEST_F(FileGetTest, OtherVersionsRootsAndLayoutsAreLeftAlone) {
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  const std::string name = world.file_of(world.id(0));
  const auto rewrite = [&](const std::function<void(BlockHeader&)>& change) {
    std::fstream file(name, std::ios::in | std::ios::out | std::ios::binary);
    std::array<std::byte, kHeaderBytes> bytes{};
    file.read(reinterpret_cast<char*>(bytes.data()), kHeaderBytes);
    BlockHeader header;
    decode_header(bytes, header);
    change(header);
    encode_header(header, bytes);
    file.seekp(0);
    file.write(reinterpret_cast<const char*>(bytes.data()), kHeaderBytes);
  };
  rewrite([](BlockHeader& header) { header.store_root.bytes[0] ^= 1; });
  BlockSlot row = world.get(*tier, 0);
  EXPECT_EQ(row.outcome, Outcome::kMiss);
  EXPECT_EQ(row.reason, MissReason::kForeign);
  rewrite([](BlockHeader& header) {
    header.store_root.bytes[0] ^= 1;
    header.version = 2;
  });
  row = world.get(*tier, 0);
  EXPECT_EQ(row.outcome, Outcome::kMiss);
  EXPECT_EQ(row.reason, MissReason::kForeign);
  EXPECT_TRUE(fs::exists(name));
  EXPECT_EQ(tier->report().left_alone, 2u);
}

TEST_F(FileGetTest, ATransientFlipIsHealedByTheSecondRead) {
  world.calls = &faults;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  // The first read finds the file truncated to nothing, the second finds it whole.
  const std::string name = world.file_of(world.id(0));
  fs::rename(name, name + ".kept");
  std::ofstream(name).flush();
  class HealingCalls final : public FaultCalls {
   public:
    std::string name;
    int opens = 0;
    int open_beneath(int directory, const char* path, int flags, unsigned mode) override {
      if (std::string_view(path).ends_with(".kv") && ++opens == 2) fs::rename(name + ".kept", name);
      return FaultCalls::open_beneath(directory, path, flags, mode);
    }
  } healing;
  healing.name = name;
  tier.reset();
  world.calls = &healing;
  tier = world.open();
  EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
  EXPECT_EQ(tier->report().quarantined, 0u);
  tier.reset();  // before the calls that it uses
}

TEST_F(FileGetTest, AReadThatHangsIsLeftBehindWithItsMemoryHeld) {
  world.calls = &faults;
  Gate gate;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  ASSERT_EQ(world.put(*tier, 1), Outcome::kDone);
  std::atomic<bool> hang{true};
  faults.on_read = [&] {
    if (hang.exchange(false)) gate.pass();
    return 0;
  };
  CompletionQueue queue;
  world.wipe(1);
  Work work(queue, Verb::kGet, world.clock.after_us(400'000));
  work.add(world.id(0), world.pages(1));
  const std::int64_t before = world.clock.now_us();
  work.submit(*tier);
  ASSERT_EQ(wait_for(queue), &work.batch);
  EXPECT_LT(world.clock.now_us() - before, 10'000'000);
  EXPECT_EQ(work.slots[0].outcome, Outcome::kFailed);
  EXPECT_EQ(work.slots[0].reason, MissReason::kTimeout);
  EXPECT_EQ(work.batch.result().error().code, ErrorCode::kTimeout);
  const std::uint64_t offset = static_cast<std::uint64_t>(world.data(1) - world.arena->data());
  EXPECT_TRUE(world.arena->held(offset, world.block_bytes));
  EXPECT_EQ(tier->usage().held_bytes, world.block_bytes);
  EXPECT_EQ(tier->report().stuck_threads, 1u);
  EXPECT_EQ(world.get(*tier, 1, 2).outcome, Outcome::kDone);  // others go on
  gate.open();
  tier.reset();
  while (world.arena->held(offset, world.block_bytes)) std::this_thread::yield();
}

// Not damage: whoever truncates or replaces a file under a reader is no reason to put it away.
TEST_F(FileGetTest, AFileThatShrinksWhileItIsReadIsAMiss) {
  world.calls = &faults;
  auto tier = world.open();
  ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  const std::string name = world.file_of(world.id(0));
  faults.on_read = [&] {
    if (fs::exists(name)) fs::resize_file(name, 8192);
    return 0;
  };
  const BlockSlot row = world.get(*tier, 0);
  EXPECT_EQ(row.outcome, Outcome::kMiss);
  EXPECT_EQ(row.reason, MissReason::kVanished);
  EXPECT_EQ(tier->report().quarantined, 0u);
}

TEST_F(FileGetTest, MemoryOutsideRegionsGoesThroughABounceBuffer) {
  auto tier = world.open();
  std::vector<std::byte> bytes(world.block_bytes + 1, std::byte{0x3c});
  std::vector<MemoryRef> odd = {{bytes.data() + 1, 1000}, {bytes.data() + 1001, world.block_bytes - 1000}};
  ASSERT_EQ(run(*tier, Verb::kPut, world.id(0), odd), Outcome::kDone);
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  ASSERT_EQ(run(*tier, Verb::kGet, world.id(0), odd), Outcome::kDone);
  EXPECT_EQ(std::count(bytes.begin() + 1, bytes.end(), std::byte{0x3c}),
            static_cast<std::ptrdiff_t>(world.block_bytes));
  EXPECT_GE(tier->report().bounced, 2u);
}

}  // namespace
}  // namespace cairn::test
