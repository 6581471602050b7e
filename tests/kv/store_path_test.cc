// Names are made of hashed fields and hexadecimal digits only, and are read back only when they are exactly that.
#include "kv/store_path.h"

#include <gtest/gtest.h>

#include "sample.h"

namespace cairn {
namespace {

TEST(StorePath, HasTheDocumentedParts) {
  StoreIdentity identity = sample::smollm_identity();
  identity.layout.grid.shard_layers = 15;
  const StorePath path(identity, sample::layout_of(identity));
  const std::string root12 = to_hex(store_root(identity)).substr(0, 12);
  const KvBlockId id{.chunk = sample::chunks_of(identity, 1)[0], .shard = 1};
  const std::string hex = to_hex(id.chunk.key.digest);
  const std::string directory = "llama-30x576-01020304/t16-bf16-c256-" + root12;
  EXPECT_EQ(path.root(), store_root(identity));
  EXPECT_EQ(path.model_directory(), "llama-30x576-01020304");
  EXPECT_EQ(path.directory(), directory);
  EXPECT_EQ(path.manifest(), directory + "/manifest.json");
  EXPECT_EQ(path.shard_directory(0), directory + "/L0-15_H0-3");
  EXPECT_EQ(path.block(id), directory + "/L15-30_H0-3/" + hex.substr(0, 3) + "/" + hex + ".kv");
  EXPECT_EQ(path.block(id), path.block_directory(id) + "/" + block_name(id.chunk.key));
  EXPECT_EQ(path.block(id).find("//"), std::string::npos);
}

TEST(StorePath, DifferentRootsNeverShareADirectory) {
  StoreIdentity identity = sample::smollm_identity();
  const StorePath first(identity, sample::layout_of(identity));
  identity.numerics_class = "t32-v2";
  const StorePath second(identity, sample::layout_of(identity));
  EXPECT_EQ(first.model_directory(), second.model_directory());
  EXPECT_NE(first.directory(), second.directory());
}

TEST(StorePath, NamesGiveTheKeyBack) {
  const ChunkKey key{sample::counting_digest(0xe0)};
  EXPECT_EQ(parse_block_name(block_name(key)), key);
  EXPECT_EQ(temp_name(key, 0x0123456789abcdef), "." + to_hex(key.digest) + ".0123456789abcdef.tmp");
  EXPECT_EQ(parse_temp_name(temp_name(key, ~0ull)), key);
  EXPECT_EQ(fan_out(key), "e0e");
  EXPECT_TRUE(is_fan_out(fan_out(key)));
}

TEST(StorePath, AnyOtherNameIsRefused) {
  const ChunkKey key{sample::counting_digest(0xe0)};
  const std::string block = block_name(key), temp = temp_name(key, 1);
  EXPECT_FALSE(parse_block_name(""));
  EXPECT_FALSE(parse_temp_name(""));
  EXPECT_FALSE(parse_block_name(temp));
  EXPECT_FALSE(parse_temp_name(block));
  EXPECT_FALSE(parse_block_name(block + "x"));
  EXPECT_FALSE(parse_block_name("../" + block.substr(3)));
  EXPECT_FALSE(parse_block_name(std::string(64, 'A') + ".kv"));
  for (std::size_t i = 0; i < block.size(); ++i) {
    std::string wrong = block;
    for (const char c : {'G', '/', '\0', ' '}) {
      wrong[i] = c;
      EXPECT_FALSE(parse_block_name(wrong)) << i;
    }
  }
  for (std::size_t i = 0; i < temp.size(); ++i) {
    std::string wrong = temp;
    wrong[i] = '/';
    EXPECT_FALSE(parse_temp_name(wrong)) << i;
  }
  for (const char* name : {"", "ab", "abcd", "ABC", "a.b", "a/b", "abg"}) EXPECT_FALSE(is_fan_out(name)) << name;
}

}  // namespace
}  // namespace cairn
