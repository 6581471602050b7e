// Property: one flipped bit anywhere in a block file is found at the next get, always; no byte of it is served.
#include <fcntl.h>
#include <unistd.h>

#include "tier/file_world.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

// Two segments, the last one partial; 3072 bytes of padding behind each page's last tile.
StoreIdentity padded_store() {
  StoreIdentity identity = small_store();
  identity.layout.geometry.groups = {{.layers = 9, .planes = 2, .heads = 3, .dim = 48, .dtype = KvDtype::kBf16}};
  identity.rope.rotary_dim = 48;
  return identity;
}

class BitFlip : public testing::TestWithParam<const char*> {
 protected:
  // Most of the flips in memory, where a file costs nothing; the direct ones on a disk.
  static std::string place() {
    const bool in_memory = std::string(GetParam()) != "auto" && access("/dev/shm", W_OK) == 0;
    return in_memory ? "/dev/shm" : CAIRN_BINARY_DIR;
  }
  BitFlip() : world(padded_store(), place()) {
    bounces = std::string(GetParam()) == "bounce";
    world.config.direct = bounces ? "never" : GetParam();
    world.config.quarantines_per_minute_max = 1'000'000;
    world.config.quarantine_bytes_max = std::uint64_t{1} << 60;
    world.config.rescan_s = 0;
    tier = world.open();
    CAIRN_CHECK(world.put(*tier, 0) == Outcome::kDone, "must store");
    name = world.file_of(world.id(0));
    bytes = fs::file_size(name);
    quarantine = world.config.path + "/" + world.store_path().directory() + "/quarantine";
  }

  void flip(const std::string& file, std::uint64_t at, unsigned bit) const {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(descriptor, 0);
    std::uint8_t byte = 0;
    ASSERT_EQ(pread(descriptor, &byte, 1, static_cast<off_t>(at)), 1);
    byte = static_cast<std::uint8_t>(byte ^ (1u << bit));
    ASSERT_EQ(pwrite(descriptor, &byte, 1, static_cast<off_t>(at)), 1);
    ::close(descriptor);
  }

  // Memory that no abandoned call may reach is filled by way of a buffer, through other code.
  std::vector<MemoryRef> memory() const {
    std::vector<MemoryRef> pages = world.pages(1);
    if (!bounces) return pages;
    for (MemoryRef& page : pages) page.region = nullptr;
    return pages;
  }

  // Flips, gets, and puts the file back as it was.
  void check(std::uint64_t at, unsigned bit) {
    flip(name, at, bit);
    world.wipe(1);
    const BlockSlot row = run_one(*tier, Verb::kGet, world.id(0), memory());
    const bool foreign = row.outcome == Outcome::kMiss && row.reason == MissReason::kForeign && at < kHeaderBytes;
    ASSERT_TRUE(row.outcome == Outcome::kCorrupt || foreign) << "byte " << at << " bit " << bit;
    foreign_rows += foreign ? 1 : 0;
    if (!fs::exists(name))
      fs::rename(fs::directory_iterator(quarantine)->path(), name);
    else
      ASSERT_TRUE(foreign);
    flip(name, at, bit);
    ++flips;
  }

  FileWorld world;
  std::unique_ptr<FileTier> tier;
  std::string name, quarantine;
  std::uint64_t bytes = 0;
  bool bounces = false;
  int flips = 0, foreign_rows = 0;
};

TEST_P(BitFlip, IsFoundWhereverItIs) {
  const bool most = std::string(GetParam()) == "never";
  const int share = most ? 840 : 40;  // of each of six regions
  Random random(99);
  const std::uint64_t segment = 1 << 20, stride = world.page_bytes, dense = 82944;
  ASSERT_EQ(bytes, kHeaderBytes + 16 * stride);
  for (int i = 0; i < share && !HasFatalFailure(); ++i) {
    const auto bit = static_cast<unsigned>(random.below(8));
    check(random.below(512), bit);                                                      // header fields
    check(512 + random.below(kHeaderBytes - 512), bit);                                 // slots, used and unused
    check(kHeaderBytes + random.below(segment), bit);                                   // first segment
    check(kHeaderBytes + segment + random.below(bytes - kHeaderBytes - segment), bit);  // last, partial segment
    check(kHeaderBytes + random.below(16) * stride + dense + random.below(stride - dense), bit);  // padding of a page
    const std::uint64_t edges[] = {kHeaderBytes, kHeaderBytes + segment, bytes};
    const std::uint64_t edge = edges[random.below(3)];
    check(edge == bytes ? edge - 1 - random.below(8) : edge - 8 + random.below(16), bit);  // around the edges
  }
  EXPECT_GE(flips, most ? 5000 : 240);
  EXPECT_LT(foreign_rows, flips / 10);
  world.wipe(1);
  ASSERT_EQ(run(*tier, Verb::kGet, world.id(0), memory()), Outcome::kDone);
  EXPECT_EQ(tier->report().bounced != 0, bounces);
  EXPECT_TRUE(world.filled_with(1, 1));
}

INSTANTIATE_TEST_SUITE_P(Modes, BitFlip, testing::Values("never", "auto", "bounce"));

}  // namespace
}  // namespace cairn::test
