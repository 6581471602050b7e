// A name is ours only when all of it is, and a block's identity comes from the manifest beside it, never from its name.
#include "evict/store_catalog.h"

#include <gtest/gtest.h>

#include "evict/directory_files.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

const std::string kStore = "llama-2x64-0123abcd/t16-bf16-c256-0123456789ab";
const std::string kKey(64, 'a');

TEST(StoreName, SaysWhatAFileIs) {
  const StoreName block = parse_store_name(kStore + "/L0-2_H0-1/aaa/" + kKey + ".kv");
  EXPECT_EQ(block.kind, FileKind::kBlock);
  EXPECT_EQ(block.directory, kStore);
  EXPECT_EQ(block.shard, "L0-2_H0-1");
  ASSERT_TRUE(block.key);
  EXPECT_EQ(block_name(*block.key), kKey + ".kv");
  EXPECT_EQ(parse_store_name(kStore + "/manifest.json").kind, FileKind::kManifest);
  EXPECT_EQ(parse_store_name(kStore + "/usage").kind, FileKind::kUsage);
  const std::vector<std::string> leftovers = {"/.manifest.0123456789abcdef.tmp", "/.usage.0123456789abcdef.tmp",
                                              "/.probe.0123456789abcdef",
                                              "/L0-2_H0-1/aaa/." + kKey + ".0123456789abcdef.tmp"};
  for (const std::string& left : leftovers) {
    EXPECT_EQ(parse_store_name(kStore + left).kind, FileKind::kLeftover) << left;
  }
  EXPECT_EQ(parse_store_name("llama-2x64-0123abcd/probe-0123456789abcdef").kind, FileKind::kLeftover);
  EXPECT_EQ(parse_store_name(kStore + "/quarantine/" + kKey + ".0.0123456789abcdef.bad").kind, FileKind::kSetAside);
  EXPECT_EQ(parse_store_name(kStore + "/manifest.json.0123456789abcdef.bad").kind, FileKind::kSetAside);
}

TEST(StoreName, WhatIsNotWhollyOursIsAStrangers) {
  const std::vector<std::string> paths = {"",
                                          "/",
                                          "photo.jpg",
                                          kStore,
                                          kStore + "/",
                                          kStore + "/notes.txt",
                                          "deep/" + kStore + "/manifest.json",
                                          "a/b/manifest.json",
                                          "backups/daily-202611220200/manifest.json",
                                          "backups/daily-202611220200/usage",
                                          "backups/daily-202611220200/quarantine/mail.bad",
                                          "exp/probe-results.csv",
                                          "llama-2x64-0123abcd/probe-results.csv",
                                          "llama-2x64-0123abcd/t16-0123456789ab/manifest.json",
                                          "llama-0123abcd/t16-bf16-c256-0123456789ab/manifest.json",
                                          kStore + "/.probe.conf",
                                          kStore + "/quarantine/mail.bad",
                                          kStore + "/manifest.json.old.bad",
                                          kStore + "/L0-2_H0-1/aaa/" + kKey + ".kv.bak",
                                          kStore + "/L0-2_H0-1/bbb/" + kKey + ".kv",
                                          kStore + "/L0-2_H0-1/aaa/x/" + kKey + ".kv",
                                          kStore + "/L0-2_H0-1/aaa/" + std::string(64, 'A') + ".kv",
                                          kStore + "/quarantine/photo.jpg",
                                          "llama/t16-0123456789aX/manifest.json",
                                          kStore + "/L0-2_H0-1/aaa/.."};
  for (const std::string& path : paths) EXPECT_EQ(parse_store_name(path).kind, FileKind::kStranger) << path;
}

class StoreCatalogTest : public testing::Test {
 protected:
  FileWorld world_;
  std::string why_;
  bool failed_ = false;
};

TEST_F(StoreCatalogTest, FindsTheIdentityOfADirectory) {
  const auto tier = world_.open();
  const auto files = open_directory_files(world_.config.path).value();
  StoreCatalog catalog(*files);
  const auto store = catalog.find(world_.store_path().directory(), why_, failed_);
  ASSERT_TRUE(store) << why_;
  EXPECT_EQ(store->path.root(), world_.store_path().root());
  EXPECT_EQ(store->shards.size(), world_.layout.cells());
  EXPECT_EQ(catalog.find(world_.store_path().directory(), why_, failed_), store) << "read once";
}

TEST_F(StoreCatalogTest, SaysWhyThereIsNone) {
  const auto tier = world_.open();
  const auto files = open_directory_files(world_.config.path).value();
  const std::string manifest = world_.config.path + "/" + world_.store_path().manifest();
  StoreCatalog catalog(*files);
  EXPECT_FALSE(catalog.find("nowhere/t16-0123456789ab", why_, failed_));
  EXPECT_EQ(why_, "there is no manifest.json");

  std::filesystem::create_directories(world_.config.path + "/moved/t16-0123456789ab");
  std::filesystem::copy(manifest, world_.config.path + "/moved/t16-0123456789ab/manifest.json");
  EXPECT_FALSE(catalog.find("moved/t16-0123456789ab", why_, failed_));
  EXPECT_NE(why_.find(world_.store_path().directory()), std::string::npos) << why_;

  std::ofstream(manifest) << "{";
  EXPECT_FALSE(StoreCatalog(*files).find(world_.store_path().directory(), why_, failed_));
  EXPECT_FALSE(failed_) << "it was read: it is damaged";
}

}  // namespace
}  // namespace cairn::test
