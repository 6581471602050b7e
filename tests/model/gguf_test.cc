// Metadata and tensors come back as written; every malformed file is one error, never a read outside the file.
#include "model/gguf.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "model/scratch.h"

namespace cairn {
namespace {

using test::as_bytes;
using test::GgufBuilder;
using test::raw;

GgufBuilder sample() {
  GgufBuilder builder;
  builder.u32("count", 7).f32("epsilon", 1e-5f).text("name", "stone").flag("yes", true);
  builder.texts("words", {"a", "", "ccc"}).i32s("kinds", {1, -3, 2});
  builder.tensor_f32("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  builder.tensor("q", {32, 1}, 8, raw(std::uint16_t{0x3c00}) + std::string(32, '\2'));
  return builder;
}

TEST(Gguf, GivesBackMetadataAndTensors) {
  for (const std::uint32_t version : {2u, 3u}) {
    const std::string bytes = sample().build(version);
    const auto file = GgufFile::parse(as_bytes(bytes));
    ASSERT_TRUE(file) << file.error().detail;
    EXPECT_EQ(*file->number("count"), 7u);
    EXPECT_EQ(*file->real("epsilon"), 1e-5);  // the decimal that was meant, not the float's 9.99999974e-06
    EXPECT_EQ(*file->text("name"), "stone");
    EXPECT_TRUE(file->flag("yes", false));
    EXPECT_TRUE(file->flag("absent", true));
    ASSERT_EQ(file->texts("words")->size(), 3u);
    EXPECT_EQ((*file->texts("words"))[2], "ccc");
    EXPECT_EQ(*file->numbers("kinds"), (std::vector<std::int64_t>{1, -3, 2}));
    ASSERT_NE(file->find("w"), nullptr);
    EXPECT_EQ(file->find("w")->shape, (std::vector<std::uint64_t>{2, 3}));
    EXPECT_EQ(*file->values(*file->find("w")), (std::vector<float>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(*file->values(*file->find("q")), std::vector<float>(32, 2.0f));
    EXPECT_EQ(file->find("v"), nullptr);
  }
}

TEST(Gguf, WrongTypesAndMissingKeysAreNamed) {
  const std::string bytes = sample().build();
  const auto file = GgufFile::parse(as_bytes(bytes));
  ASSERT_TRUE(file);
  EXPECT_NE(file->number("absent").error().detail.find("absent"), std::string::npos);
  EXPECT_FALSE(file->number("name"));
  EXPECT_FALSE(file->number("kinds"));
  EXPECT_FALSE(file->real("count"));
  EXPECT_FALSE(file->text("words"));
  EXPECT_FALSE(file->texts("kinds"));
  EXPECT_FALSE(file->numbers("words"));
}

TEST(Gguf, EveryTruncationIsRefused) {
  const std::string whole = sample().build();
  ASSERT_TRUE(GgufFile::parse(as_bytes(whole)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    EXPECT_FALSE(GgufFile::parse(as_bytes(part))) << size;
  }
}

TEST(Gguf, OtherVersionsAndByteOrdersAreRefused) {
  for (const std::uint32_t version : {0u, 1u, 4u, 0x03000000u}) {
    const std::string bytes = sample().build(version);
    EXPECT_EQ(GgufFile::parse(as_bytes(bytes)).error().code, ErrorCode::kInvalid) << version;
  }
  const std::string big = sample().build(0x03000000u);
  EXPECT_NE(GgufFile::parse(as_bytes(big)).error().detail.find("big-endian"), std::string::npos);
  EXPECT_EQ(GgufFile::parse(as_bytes(std::string("not a model"))).error().code, ErrorCode::kCorrupt);
}

TEST(Gguf, HugeCountsAreRefusedBeforeMemoryIsTaken) {
  const std::string head = "GGUF" + raw(std::uint32_t{3});
  const std::uint64_t huge = 1ull << 62;
  const std::string cases[] = {
      head + raw(huge) + raw(std::uint64_t{0}),
      head + raw(std::uint64_t{0}) + raw(huge),
      head + raw(std::uint64_t{0}) + raw(std::uint64_t{1}) + raw(huge) + "key",
      GgufBuilder().pair("k", 8, raw(huge) + "x").build(),
      GgufBuilder().pair("k", 9, raw(std::uint32_t{8}) + raw(huge)).build(),
      GgufBuilder().pair("k", 9, raw(std::uint32_t{10}) + raw(huge)).build(),
      GgufBuilder().pair("k", 9, raw(std::uint32_t{9}) + raw(std::uint64_t{1})).build(),
      GgufBuilder().pair("k", 13, "xxxxxxxx").build(),
      GgufBuilder().u32("k", 1).u32("k", 2).build(),
      GgufBuilder().u32("general.alignment", 48).build(),
      GgufBuilder().u32("general.alignment", 0).build(),
  };
  for (const std::string& bytes : cases) EXPECT_FALSE(GgufFile::parse(as_bytes(bytes)));
}

TEST(Gguf, ImpossibleTensorsAreRefused) {
  const std::string one = raw(1.0f);
  const std::uint64_t huge = 1ull << 40;
  const std::pair<std::string, std::string> cases[] = {
      {GgufBuilder().tensor("t", {}, 0, one).build(), "directory entry"},
      {GgufBuilder().tensor("t", {1, 1, 1, 1, 1}, 0, one).build(), "directory entry"},
      {GgufBuilder().tensor("t", {0}, 0, one).build(), "impossible shape"},
      {GgufBuilder().tensor("t", {huge, huge}, 0, one).build(), "impossible shape"},
      {GgufBuilder().tensor("t", {2}, 0, one).build(), "outside"},
      {GgufBuilder().tensor_at("t", {1}, 0, 32, one).build(), "outside"},
      {GgufBuilder().tensor_at("t", {1}, 0, ~0ull - 31, one).build(), "outside"},
      {GgufBuilder().tensor_at("t", {1}, 0, 4, one + one).build(), "outside"},
      {GgufBuilder().tensor("t", {31}, 2, std::string(18, 'x')).build(), "do not fill blocks"},
      {GgufBuilder().tensor("t", {256}, 12, std::string(144, 'x')).build(), "Q4_K"},
      {GgufBuilder().tensor("t", {1}, 0, one).tensor("t", {1}, 0, one).build(), "twice"},
      {GgufBuilder().tensor("s", {1}, 0, one).tensor_at("t", {1}, 0, 0, one).build(), "overlap"},
  };
  for (const auto& [bytes, reason] : cases) {
    const auto file = GgufFile::parse(as_bytes(bytes));
    ASSERT_FALSE(file) << reason;
    EXPECT_NE(file.error().detail.find(reason), std::string::npos) << file.error().detail;
  }
}

TEST(Gguf, NoFlippedByteReadsOutsideTheFile) {
  const std::string whole = sample().build();
  Random random(5);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = whole;
    bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    const auto file = GgufFile::parse(as_bytes(bytes));
    if (!file) continue;
    for (const GgufTensor& tensor : file->tensors()) {
      ASSERT_LE(tensor.bytes.data() + tensor.bytes.size(), as_bytes(bytes).data() + bytes.size());
      ASSERT_TRUE(file->values(tensor));
    }
  }
}

}  // namespace
}  // namespace cairn
