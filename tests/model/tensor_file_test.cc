// Only regular files are read, with a bound; a staged directory appears whole or leaves nothing.
#include "model/tensor_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "model/scratch.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

TEST(TensorFile, MapsWhatAFileHolds) {
  const test::Scratch scratch;
  test::write_file(scratch / "a", "stone");
  test::write_file(scratch / "empty", "");
  const auto file = MappedFile::open(scratch / "a");
  ASSERT_TRUE(file);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()), "stone");
  const auto empty = MappedFile::open(scratch / "empty");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->bytes().empty());
}

TEST(TensorFile, RefusesFifosDirectoriesAndMissingFilesWithoutWaiting) {
  const test::Scratch scratch;
  ASSERT_EQ(::mkfifo((scratch / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(scratch / "fifo").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(read_text_file(scratch.path(), 10).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(MappedFile::open(scratch / "none").error().code, ErrorCode::kUnavailable);
}

TEST(TensorFile, ReadsTextUpToItsBound) {
  const test::Scratch scratch;
  test::write_file(scratch / "a", "12345");
  EXPECT_EQ(*read_text_file(scratch / "a", 5), "12345");
  EXPECT_EQ(read_text_file(scratch / "a", 4).error().code, ErrorCode::kInvalid);
}

TEST(TensorFile, RefusesJsonThatNestsTooDeeply) {
  const test::Scratch scratch;
  test::write_file(scratch / "flat", "[\"" + std::string(100, '[') + "\\\"[[\"]");  // brackets in a string do not nest
  EXPECT_TRUE(read_json_file(scratch / "flat", 1000));
  test::write_file(scratch / "limit", std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']'));
  EXPECT_TRUE(read_json_file(scratch / "limit", 1000));
  test::write_file(scratch / "deep", std::string(kJsonDepthMax + 1, '['));
  EXPECT_EQ(read_json_file(scratch / "deep", 1000).error().code, ErrorCode::kInvalid);
}

TEST(TensorFile, NeverOverwritesAFile) {
  const test::Scratch scratch;
  ASSERT_TRUE(write_text_file(scratch / "a", "one"));
  EXPECT_FALSE(write_text_file(scratch / "a", "two"));
  EXPECT_EQ(test::read_file(scratch / "a"), "one");
}

TEST(TensorFile, AStagedDirectoryAppearsOnPublish) {
  const test::Scratch scratch;
  auto staged = StagedDirectory::create(scratch / "sub/model/");
  ASSERT_TRUE(staged) << staged.error().detail;
  ASSERT_TRUE(write_text_file(staged->path() / "a", "x"));
  EXPECT_FALSE(fs::exists(scratch / "sub/model"));
  ASSERT_TRUE(staged->publish());
  EXPECT_EQ(test::read_file(scratch / "sub/model/a"), "x");
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch / "sub"), fs::directory_iterator()), 1);
}

TEST(TensorFile, AnAbandonedStagedDirectoryLeavesNothing) {
  const test::Scratch scratch;
  {
    auto staged = StagedDirectory::create(scratch / "model");
    ASSERT_TRUE(staged && write_text_file(staged->path() / "a", "x"));
  }
  EXPECT_TRUE(fs::is_empty(scratch.path()));
}

TEST(TensorFile, ReplacesNoDirectoryThatHoldsSomething) {
  const test::Scratch scratch;
  fs::create_directories(scratch / "model");
  EXPECT_TRUE(StagedDirectory::create(scratch / "model"));
  test::write_file(scratch / "model/a", "x");
  EXPECT_EQ(StagedDirectory::create(scratch / "model").error().code, ErrorCode::kInvalid);
}

TEST(TensorFile, WhatAKilledProcessLeftGoesAndWhatLivesStays) {
  const test::Scratch scratch;
  fs::create_directories(scratch / ".model.0011223344556677.tmp/sub");
  for (const char* other : {".model.notes.tmp", ".model.0011223344556677.tmpx", ".other.0011223344556677.tmp",
                            ".model.00112233445566777.tmp", "model.0011223344556677.tmp"})
    fs::create_directories(scratch / other);
  fs::create_directory_symlink(scratch / ".model.notes.tmp", scratch / ".model.8899aabbccddeeff.tmp");
  const auto living = StagedDirectory::create(scratch / "model");
  ASSERT_TRUE(living);
  EXPECT_FALSE(fs::exists(scratch / ".model.0011223344556677.tmp"));
  const auto second = StagedDirectory::create(scratch / "model");
  ASSERT_TRUE(second);
  EXPECT_TRUE(fs::exists(living->path()));
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch.path()), fs::directory_iterator()), 5 + 1 + 2);
}

TEST(TensorFile, AStagedDirectoryHasANameOfItsOwn) {
  for (const char* target : {"", ".", "..", "/", "a/..", "a/./"})
    EXPECT_EQ(StagedDirectory::create(target).error().code, ErrorCode::kInvalid) << target;
  const test::Scratch scratch;
  test::write_file(scratch / "file", "");
  EXPECT_EQ(StagedDirectory::create(scratch / "file").error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace cairn
