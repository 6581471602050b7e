// Each damage that an instance would call a miss is found from outside, with its reason; nothing else is touched.
#include "evict/verify.h"

#include "evict/evict_world.h"
#include "kv/header.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class VerifyTest : public EvictTest {
 protected:
  VerifyReport verify(VerifyOptions options = {}) {
    const auto report = verify_store(*files_, options, clock_, [](const VerifyProgress&) {});
    EXPECT_TRUE(report);
    return report.value();
  }
  static void flip(const std::string& path, std::int64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(offset);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(offset);
    file.put(byte);
  }
  // What the report says of that file; "" when nothing.
  static std::string said_of(const VerifyReport& report, const std::string& path) {
    for (const auto& finding : report.findings) {
      if (path.ends_with(finding.path)) return finding.what;
    }
    return "";
  }
};

TEST_F(VerifyTest, AStoreAsItWasWrittenIsRight) {
  store(10);
  for (const std::uint32_t threads : {1u, 3u, 16u}) {
    const VerifyReport report = verify({.threads = threads});
    EXPECT_TRUE(report.good());
    ASSERT_EQ(report.stores.size(), 1u);
    EXPECT_EQ(report.stores.at(directory()).blocks, 10u);
    EXPECT_EQ(report.stores.at(directory()).bytes, world_.bytes_of_blocks());
    EXPECT_EQ(report.read_bytes, world_.bytes_of_blocks());
    EXPECT_EQ(report.damaged + report.foreign + report.strangers + report.leftovers, 0u);
  }
  EXPECT_EQ(verify({.headers_only = true}).read_bytes, 10 * kHeaderBytes);
}

TEST_F(VerifyTest, EveryFlippedBitIsFound) {
  store(8);
  flip(file_of(0), 0);                                                         // magic
  flip(file_of(1), 40);                                                        // key
  flip(file_of(2), 600);                                                       // a slot
  flip(file_of(3), kHeaderBytes);                                              // first byte of the payload
  flip(file_of(4), static_cast<std::int64_t>(fs::file_size(file_of(4))) - 1);  // its last
  fs::resize_file(file_of(5), fs::file_size(file_of(5)) - 1);
  fs::resize_file(file_of(6), 100);
  const VerifyReport report = verify();
  EXPECT_EQ(report.damaged, 7u);
  EXPECT_FALSE(report.good());
  EXPECT_EQ(report.stores.at(directory()).blocks, 1u);
  EXPECT_EQ(said_of(report, file_of(0)), "bad_magic");
  EXPECT_EQ(said_of(report, file_of(1)), "bad_header_checksum");
  EXPECT_EQ(said_of(report, file_of(3)), "bad_segment");
  EXPECT_EQ(said_of(report, file_of(5)), "bad_length");
  EXPECT_EQ(said_of(report, file_of(6)), "shorter than a header");
  EXPECT_EQ(verify({.headers_only = true}).damaged, 5u) << "payloads were not read";
}

TEST_F(VerifyTest, ABlockUnderAnothersNameIsDamaged) {
  store(2);
  fs::copy_file(file_of(0), file_of(1), fs::copy_options::overwrite_existing);
  const VerifyReport report = verify();
  EXPECT_EQ(report.damaged, 1u);
  EXPECT_EQ(said_of(report, file_of(1)), "wrong_key");
}

TEST_F(VerifyTest, RepairRemovesWhatIsDamagedAndNothingElse) {
  store(3);
  flip(file_of(1), kHeaderBytes + 5);
  write(beneath("photo.jpg"), "x");
  const VerifyReport report = verify({.repair = true});
  EXPECT_EQ(report.damaged, 1u);
  EXPECT_EQ(report.removed, 1u);
  EXPECT_TRUE(report.good());
  EXPECT_FALSE(fs::exists(file_of(1)));
  EXPECT_TRUE(fs::exists(file_of(0)) && fs::exists(file_of(2)) && fs::exists(beneath("photo.jpg")));
  EXPECT_TRUE(verify().good());
  EXPECT_EQ(world_.get(*tier_, 1).outcome, Outcome::kMiss);
}

TEST_F(VerifyTest, ARepairThatIsRefusedSaysWhy) {
  store(2);
  flip(file_of(1), kHeaderBytes + 5);
  struct Keeps final : FileCalls {
    int unlink(int, const char*) override { return -EROFS; }
  } calls;
  files_ = open_directory_files(world_.config.path, calls).value();
  const VerifyReport report = verify({.repair = true});
  EXPECT_EQ(report.damaged, 1u);
  EXPECT_EQ(report.removed, 0u);
  EXPECT_FALSE(report.good());
  EXPECT_EQ(said_of(report, file_of(1)), "bad_segment, not removed: Read-only file system");
  files_.reset();  // before its calls
}

TEST_F(VerifyTest, WhatIsNotOursIsCountedAndLeftAlone) {
  store(1);
  write(beneath("photo.jpg"), "x");
  const std::string key(64, 'a');
  write(beneath("other-1x1-00000000/t16-bf16-c256-0123456789ab/L0-1_H0-1/aaa/" + key + ".kv"), "x");
  write(beneath(directory() + "/L9-10_H0-1/aaa/" + key + ".kv"), "x");
  write(fs::path(file_of(0)).parent_path().string() + "/." + key + ".0123456789abcdef.tmp", "12345");
  const VerifyReport report = verify({.repair = true});
  EXPECT_EQ(report.strangers, 1u);
  EXPECT_EQ(report.foreign, 1u);
  EXPECT_EQ(report.unknown, 1u) << "no manifest";
  EXPECT_EQ(report.leftovers, 1u);
  EXPECT_EQ(report.leftover_bytes, 5u);
  EXPECT_EQ(report.damaged, 0u);
  EXPECT_FALSE(report.good());
  EXPECT_TRUE(fs::exists(beneath(directory() + "/L9-10_H0-1/aaa/" + key + ".kv")));
  EXPECT_NE(to_text(report).find("no manifest.json"), std::string::npos);
}

TEST_F(VerifyTest, NothingOfAStoreActsOnATerminal) {
  VerifyReport report;
  report.stores["d\nright 99"] = {"ok\x1b]0;pwned\x07", 1, 1};
  report.findings.push_back({"p\x1b[2J", "w\n", false});
  const std::string text = to_text(report);
  EXPECT_EQ(text.find_first_of("\x1b\x07"), std::string::npos) << text;
  EXPECT_EQ(text.find("\nright 99"), std::string::npos) << text;
}

}  // namespace
}  // namespace cairn::test
