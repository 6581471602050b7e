// What the writer wrote the reader gives back; every malformed file is one error, never a read outside the file.
#include "model/safetensors.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "model/scratch.h"

namespace cairn {
namespace {

using test::as_bytes;
using test::raw;
using test::safetensors;
using test::write_file;

const std::string kPair = R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},)"
                          R"("a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}})";

void write_model(const std::filesystem::path& path, const std::string& name, Bf16 value) {
  auto writer = SafetensorsWriter::create(path, {{name, {2}}});
  ASSERT_TRUE(writer && writer->append(std::vector<Bf16>{value, value}) && writer->finish());
}

TEST(Safetensors, GivesBackWhatWasWritten) {
  const test::Scratch scratch;
  const std::vector<Bf16> first{1, 2, 3, 4, 5, 6}, second{7};
  auto writer =
      SafetensorsWriter::create(scratch / "model.safetensors", {{"z.weight", {2, 3}}, {"a", {1}}, {"none", {0, 4}}});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append(first) && writer->append(second));
  EXPECT_EQ(writer->finish().error().detail, "tensor 'none' was never written");
  ASSERT_TRUE(writer->append(std::span<const Bf16>{}) && writer->finish());
  const auto file = SafetensorsFile::open(scratch / "model.safetensors");
  ASSERT_TRUE(file) << file.error().detail;
  ASSERT_EQ(file->tensors().size(), 3u);
  const TensorView* z = file->find("z.weight");
  ASSERT_NE(z, nullptr);
  EXPECT_EQ(z->dtype, TensorDtype::kBf16);
  EXPECT_EQ(z->shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(z->bytes.data(), first.data(), z->bytes.size()), 0);
  EXPECT_EQ(std::memcmp(file->find("a")->bytes.data(), second.data(), 2), 0);
  EXPECT_EQ(file->find("y"), nullptr);
}

TEST(Safetensors, ReadsTensorsInAnyHeaderOrder) {
  const std::string bytes = safetensors(kPair, raw(std::uint32_t{0x40003f80}) + raw(2.5f));
  const auto file = SafetensorsFile::parse(as_bytes(bytes));
  ASSERT_TRUE(file) << file.error().detail;
  EXPECT_EQ(file->tensors()[0].name, "a");
  EXPECT_EQ(file->find("b")->dtype, TensorDtype::kF32);
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const std::string whole = safetensors(kPair, std::string(8, 'x'));
  ASSERT_TRUE(SafetensorsFile::parse(as_bytes(whole)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    EXPECT_FALSE(SafetensorsFile::parse(as_bytes(part))) << size;
  }
}

TEST(Safetensors, MalformedHeadersAreRefusedWithTheirReason) {
  const std::string data(8, 'x');
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "{\"t\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
  };
  const std::pair<std::string, std::string> cases[] = {
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {"{\"t\":", "not a JSON object"},
      {"{\"t\":3}", "not an object"},
      {"{\"t\":{}}", "dtype"},
      {entry("7", "[4]", "[0,8]"), "dtype"},
      {entry("\"Q4\"", "[4]", "[0,8]"), "'Q4'"},
      {entry("\"BF16\"", "4", "[0,8]"), "shape"},
      {entry("\"BF16\"", "[-4]", "[0,8]"), "axis"},
      {entry("\"BF16\"", "[4.0]", "[0,8]"), "axis"},
      {entry("\"BF16\"", "[NaN]", "[0,8]"), "not a JSON object"},
      {entry("\"BF16\"", "[1e400]", "[0,8]"), "not a JSON object"},
      {entry("\"BF16\"", "[1,1,1,1,1,1,1,1,4]", "[0,8]"), "too many axes"},
      {entry("\"BF16\"", "[9223372036854775808,2]", "[0,8]"), "too large"},
      {entry("\"F64\"", "[2305843009213693952]", "[0,0]"), "too large"},
      {entry("\"BF16\"", "[4]", "[0]"), "data_offsets"},
      {entry("\"BF16\"", "[4]", "[8,0]"), "leave the file"},
      {entry("\"BF16\"", "[4]", "[-8,0]"), "data_offsets"},
      {entry("\"BF16\"", "[4]", "[0,18446744073709551615]"), "leave the file"},
      {entry("\"BF16\"", "[5]", "[0,10]"), "leave the file"},
      {entry("\"BF16\"", "[3]", "[0,8]"), "needs 6 bytes"},
      {entry("\"BF16\"", "[3]", "[0,6]"), "2 bytes longer"},
      {entry("\"BF16\"", "[3]", "[2,8]"), "hole"},
      {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
       "overlaps"},
      {R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
       "twice"},
      {R"({"a":{"dtype":"U8","shape":[[[8]]],"data_offsets":[0,8]}})", "deep"},
  };
  for (const auto& [header, reason] : cases) {
    const std::string bytes = safetensors(header, data);
    const auto file = SafetensorsFile::parse(as_bytes(bytes));
    ASSERT_FALSE(file) << header;
    EXPECT_NE(file.error().detail.find(reason), std::string::npos) << header << "\n" << file.error().detail;
  }
}

TEST(Safetensors, AbsurdHeaderLengthsAreRefused) {
  for (const std::uint64_t length : {1ull << 63, ~0ull, ~0ull - 7, 9ull, (64ull << 20) + 1}) {
    const std::string bytes = raw(length) + "{}";
    EXPECT_EQ(SafetensorsFile::parse(as_bytes(bytes)).error().code, ErrorCode::kCorrupt) << length;
  }
}

TEST(Safetensors, NoFlippedHeaderByteReadsOutsideTheFile) {
  const std::string whole = safetensors(kPair, std::string(8, 'x'));
  Random random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    const auto file = SafetensorsFile::parse(as_bytes(bytes));
    if (!file) continue;
    for (const TensorView& tensor : file->tensors()) {
      ASSERT_GE(tensor.bytes.data(), as_bytes(bytes).data());
      ASSERT_LE(tensor.bytes.data() + tensor.bytes.size(), as_bytes(bytes).data() + bytes.size());
    }
  }
}

TEST(Safetensors, AnIndexJoinsItsFiles) {
  const test::Scratch scratch;
  write_model(scratch / "one.safetensors", "a", 1);
  write_model(scratch / "two.safetensors", "b", 2);
  write_model(scratch / "three.safetensors", "c", 3);  // not in the index: not read
  write_file(scratch / "model.safetensors.index.json",
             R"({"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  const auto set = SafetensorsSet::open(scratch.path());
  ASSERT_TRUE(set) << set.error().detail;
  EXPECT_EQ(set->tensors().size(), 2u);
  EXPECT_EQ(set->find("b")->bytes[0], std::byte{2});
  EXPECT_EQ(set->find("c"), nullptr);
  EXPECT_EQ(weight_files(scratch.path())->size(), 2u);
}

TEST(Safetensors, AnIndexThatDoesNotMatchIsRefused) {
  const test::Scratch scratch;
  write_model(scratch / "one.safetensors", "a", 1);
  for (const std::string index :
       {"{}", "[]", "nonsense", R"({"weight_map":{}})", R"({"weight_map":{"a":1}})",
        R"({"weight_map":{"b":"one.safetensors"}})", R"({"weight_map":{"a":"../one.safetensors"}})",
        R"({"weight_map":{"a":"gone.safetensors"}})", R"({"weight_map":{"a":""}})"}) {
    write_file(scratch / "model.safetensors.index.json", index);
    EXPECT_FALSE(SafetensorsSet::open(scratch.path())) << index;
  }
}

TEST(Safetensors, ADirectoryWithoutWeightsSaysSo) {
  const test::Scratch scratch;
  EXPECT_NE(SafetensorsSet::open(scratch.path()).error().detail.find("model.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace cairn
