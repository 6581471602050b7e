// What goes is exactly what was said: by age, by kind, by model; files that are none of ours stay whatever is said.
#include "evict/purge.h"

#include "evict/evict_world.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class PurgeTest : public EvictTest {
 protected:
  PurgeReport purge(const PurgeOptions& options) {
    const auto report = purge_store(*files_, options, clock_, [](std::uint64_t, std::uint64_t) {});
    EXPECT_TRUE(report);
    return report.value();
  }
  std::string leftover() const {
    return fs::path(file_of(0)).parent_path().string() + "/." + std::string(64, 'a') + ".0123456789abcdef.tmp";
  }
};

TEST_F(PurgeTest, WithoutAWordNothingGoes) {
  store(1);
  EXPECT_FALSE(purge_store(*files_, {}, clock_, [](std::uint64_t, std::uint64_t) {}));
  EXPECT_TRUE(fs::exists(file_of(0)));
}

TEST_F(PurgeTest, ByAgeTheOldGoAndTheYoungStay) {
  store(6);
  for (std::uint32_t n = 0; n < 4; ++n) age(file_of(n), 30);
  PurgeReport report = purge({.older_than_hours = 24, .dry_run = true});
  EXPECT_EQ(report.blocks, 4u);
  EXPECT_TRUE(fs::exists(file_of(0))) << "a dry run";
  report = purge({.older_than_hours = 24});
  EXPECT_EQ(report.blocks, 4u);
  EXPECT_EQ(report.kept_blocks, 2u);
  EXPECT_EQ(report.kept_bytes, world_.bytes_of_blocks());
  for (std::uint32_t n = 0; n < 6; ++n) {
    EXPECT_EQ(world_.get(*tier_, n).outcome, n < 4 ? Outcome::kMiss : Outcome::kDone) << n;
  }
  EXPECT_TRUE(fs::exists(beneath(world_.store_path().manifest())));
}

TEST_F(PurgeTest, OnlyOldLeftoversGo) {
  store(1);
  write(leftover(), "old");
  age(leftover(), 25);
  const std::string young = beneath(directory() + "/.manifest.0123456789abcdef.tmp");
  write(young, "somebody writes it now");
  const PurgeReport report = purge({.leftovers = true});
  EXPECT_EQ(report.blocks, 0u);
  EXPECT_EQ(report.others, 1u);
  EXPECT_FALSE(fs::exists(leftover()));
  EXPECT_TRUE(fs::exists(young) && fs::exists(file_of(0)));
}

TEST_F(PurgeTest, AllIsAllOfOursAndNothingElse) {
  store(5);
  write(beneath("photo.jpg"), "x");
  write(beneath(directory() + "/notes.txt"), "x");
  const PurgeReport report = purge({.all = true});
  EXPECT_EQ(report.blocks, 5u);
  EXPECT_EQ(report.strangers, 2u);
  EXPECT_EQ(world_.bytes_of_blocks(), 0u);
  EXPECT_TRUE(fs::exists(beneath(world_.store_path().manifest()))) << "an instance may serve";
  EXPECT_TRUE(fs::exists(beneath("photo.jpg")) && fs::exists(beneath(directory() + "/notes.txt")));
  EXPECT_FALSE(fs::exists(fs::path(file_of(0)).parent_path())) << "empty directories go too";
}

TEST_F(PurgeTest, WhatCannotBeRemovedIsCountedAndTheRestGoes) {
  store(4);
  struct Keeps final : FileCalls {  // a directory that only its owner may change
    int unlink(int directory, const char* path) override {
      return name == path ? -EACCES : FileCalls::unlink(directory, path);
    }
    std::string name;
  } calls;
  calls.name = fs::path(file_of(2)).filename();
  files_ = open_directory_files(world_.config.path, calls).value();
  const PurgeReport report = purge({.all = true});
  EXPECT_EQ(report.blocks, 3u);
  EXPECT_EQ(report.kept_blocks, 1u);
  EXPECT_EQ(report.refused, 1u);
  EXPECT_EQ(report.first_refused.why, "Permission denied");
  EXPECT_TRUE(file_of(2).ends_with(report.first_refused.path));
  EXPECT_NE(to_text(report).find("Permission denied"), std::string::npos);
  EXPECT_TRUE(fs::exists(file_of(2)));
  EXPECT_FALSE(fs::exists(file_of(3)));
  files_.reset();  // before its calls
}

// A listing may not tell when an object was written: it is not old for that.
TEST_F(PurgeTest, WhatHasNoDateIsNotOld) {
  struct Undated final : StoreFiles {
    Result<void> each(const Visit& visit) override {
      visit({"llama-2x64-0123abcd/t16-bf16-c256-0123456789ab/L0-2_H0-1/aaa/" + std::string(64, 'a') + ".kv", 1, 0});
      return {};
    }
    Result<bool> read(const std::string&, std::uint64_t, std::vector<std::byte>&) override { return false; }
    Removal remove(std::span<const std::string> paths) override {
      EXPECT_TRUE(paths.empty()) << "nothing may go";
      return {};
    }
    Result<std::vector<Unfinished>> unfinished() override {
      return std::vector<Unfinished>{
          {"llama-2x64-0123abcd/t16-bf16-c256-0123456789ab/L0-2_H0-1/aaa/" + std::string(64, 'b') + ".kv", "u", 0}};
    }
    Result<void> abort(const Unfinished&) override { return invalid("nothing may go"); }
  } files;
  const auto report =
      purge_store(files, {.older_than_hours = 1, .leftovers = true}, clock_, [](std::uint64_t, std::uint64_t) {});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->blocks + report->uploads, 0u);
}

TEST_F(PurgeTest, AModelIsNamedAsItsManifestNamesIt) {
  FileWorld named;
  named.wish.model_name = "mine";
  const auto tier = named.open();
  ASSERT_EQ(named.put(*tier, 0), Outcome::kDone);
  const auto files = open_directory_files(named.config.path).value();
  const auto removed = [&](const std::string& model) {
    return purge_store(*files, {.all = true, .model_name = model}, clock_, [](std::uint64_t, std::uint64_t) {})->blocks;
  };
  EXPECT_EQ(removed("other"), 0u);
  EXPECT_EQ(removed("mine"), 1u);
}

}  // namespace
}  // namespace cairn::test
