// Property: what the user left open comes from the store's manifests, what the user set is never overruled, and a
// directory of another identity is refused by naming the field.
#include "tier/file_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include "kv/manifest.h"
#include "tier/file_world.h"

namespace cairn::test {
namespace {

namespace fs = std::filesystem;

class FileStoreTest : public testing::Test {
 protected:
  FileWorld world;
};

TEST_F(FileStoreTest, ANewStorePublishesItsManifest) {
  world.wish.model_name = "a model";
  ASSERT_TRUE(open_store(world.config, world.wish, world.deps()));
  std::ifstream file(world.config.path + "/" + world.store_path().manifest());
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto manifest = parse_manifest(text);
  ASSERT_TRUE(manifest.has_value());
  EXPECT_EQ(manifest->identity, world.identity);
  EXPECT_EQ(manifest->model_name, "a model");
  EXPECT_TRUE(world.files(".tmp").empty());
}

TEST_F(FileStoreTest, UnsetChunkSizeAndGridAreTakenFromTheStore) {
  StoreWish first = world.wish;
  first.identity.layout.chunk_tokens = 64;
  first.identity.layout.grid = {7, 1};
  ASSERT_TRUE(open_store(world.config, first, world.deps()));
  StoreWish second = world.wish;
  second.chunk_tokens_set = second.grid_set = false;
  const auto opened = open_store(world.config, second, world.deps());
  ASSERT_TRUE(opened.has_value());
  EXPECT_TRUE(opened->adopted);
  EXPECT_EQ(opened->identity.layout.chunk_tokens, 64u);
  EXPECT_EQ(store_root(opened->identity), store_root(first.identity));
}

TEST_F(FileStoreTest, ASetValueThatDiffersMakesItsOwnStoreAndSaysWhichField) {
  StoreWish first = world.wish;
  first.identity.layout.chunk_tokens = 64;
  ASSERT_TRUE(open_store(world.config, first, world.deps()));
  const auto opened = open_store(world.config, world.wish, world.deps());
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->identity.layout.chunk_tokens, 256u);
  EXPECT_EQ(world.log.count("tier.store.not_shared"), 1u);
  EXPECT_EQ(world.log.count("chunk_tokens"), 1u);
}

TEST_F(FileStoreTest, AnotherModelsManifestInOurDirectoryIsRefused) {
  ASSERT_TRUE(open_store(world.config, world.wish, world.deps()));
  StoreIdentity other = world.identity;
  other.rope.theta = 777.0;
  std::ofstream(world.config.path + "/" + world.store_path().manifest()) << write_manifest({other, "", ""});
  const auto opened = open_store(world.config, world.wish, world.deps());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
  EXPECT_NE(opened.error().detail.find("theta"), std::string::npos);
}

// Cut short, emptied by a crash, or with a root that its fields do not give.
TEST_F(FileStoreTest, ADamagedManifestIsKeptAsideAndReplacedAndTheBlocksStayValid) {
  {
    auto tier = world.open();
    ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  }
  const std::string name = world.config.path + "/" + world.store_path().manifest();
  StoreIdentity other = world.identity;
  other.rope.theta = 777.0;
  const std::string ours = write_manifest({world.identity, "", ""});
  std::string forged = write_manifest({other, "", ""});
  const std::string own_root = to_hex(store_root(world.identity)), other_root = to_hex(store_root(other));
  forged.replace(forged.find(other_root), other_root.size(), own_root);
  std::size_t kept = 0;
  for (const std::string& text : {std::string(), ours.substr(0, ours.size() / 2), std::string(4096, '\0'), forged}) {
    std::ofstream(name, std::ios::trunc) << text;
    auto tier = world.open();
    EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
    EXPECT_EQ(world.log.count("tier.store.manifest_replaced file=" + name), ++kept);
    EXPECT_EQ(world.files(".bad").size(), kept);
    std::ifstream file(name);
    const auto healed = parse_manifest(std::string((std::istreambuf_iterator<char>(file)), {}));
    ASSERT_TRUE(healed.has_value());
    EXPECT_EQ(healed->identity, world.identity);
  }
}

class UnmovableCalls final : public FileCalls {
 public:
  int move(int, const char*, int, const char*) override { return -EACCES; }
};

TEST_F(FileStoreTest, ADamagedManifestThatCannotBeMovedIsNamedWithItsRemedy) {
  ASSERT_TRUE(open_store(world.config, world.wish, world.deps()));
  const std::string name = world.config.path + "/" + world.store_path().manifest();
  std::ofstream(name, std::ios::trunc) << "{";
  UnmovableCalls calls;
  world.calls = &calls;
  const auto opened = open_store(world.config, world.wish, world.deps());
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().detail.find(name), std::string::npos) << opened.error().detail;
  EXPECT_NE(opened.error().detail.find("move it away"), std::string::npos);
}

TEST_F(FileStoreTest, ASecondOpenKeepsTheFirstManifest) {
  ASSERT_TRUE(open_store(world.config, world.wish, world.deps()));
  const std::string name = world.config.path + "/" + world.store_path().manifest();
  struct stat before{}, after{};
  ASSERT_EQ(::stat(name.c_str(), &before), 0);
  ASSERT_TRUE(open_store(world.config, world.wish, world.deps()));
  ASSERT_EQ(::stat(name.c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
}

TEST_F(FileStoreTest, BrokenOptionsAreRefusedByName) {
  const std::vector<std::pair<std::string, std::function<void(FileTierConfig&)>>> cases = {
      {"path", [](auto& config) { config.path.clear(); }},
      {"durability", [](auto& config) { config.durability = "some"; }},
      {"direct", [](auto& config) { config.direct = "maybe"; }},
      {"io_threads", [](auto& config) { config.io_threads = 0; }},
      {"file_mode", [](auto& config) { config.file_mode = "0888"; }},
      {"dir_mode", [](auto& config) { config.dir_mode = "rwx"; }}};
  for (const auto& [field, change] : cases) {
    FileTierConfig config = world.config;
    change(config);
    const auto opened = open_store(config, world.wish, world.deps());
    ASSERT_FALSE(opened.has_value()) << field;
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
    EXPECT_NE(opened.error().detail.find(field), std::string::npos) << opened.error().detail;
  }
}

TEST_F(FileStoreTest, APathThatIsNoDirectoryIsUnavailable) {
  world.config.path += "/file";
  std::ofstream(world.config.path) << "x";
  const auto opened = open_store(world.config, world.wish, world.deps());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kUnavailable);
}

// A store on a read-only mount, as far as the calls tell.
class ReadOnlyCalls final : public FileCalls {
 public:
  int open_beneath(int directory, const char* path, int flags, unsigned mode) override {
    if ((flags & 0103) != 0) return -EROFS;  // O_WRONLY, O_RDWR, O_CREAT
    return FileCalls::open_beneath(directory, path, flags, mode);
  }
  int make_directory(int, const char*, unsigned) override { return -EROFS; }
  int unlink(int, const char*) override { return -EROFS; }
};

TEST_F(FileStoreTest, AReadOnlyStoreServesAndRefusesPuts) {
  {
    auto tier = world.open();
    ASSERT_EQ(world.put(*tier, 0), Outcome::kDone);
  }
  ReadOnlyCalls read_only;
  world.calls = &read_only;
  auto tier = world.open();
  EXPECT_TRUE(tier->traits().read_only);
  EXPECT_EQ(world.get(*tier, 0).outcome, Outcome::kDone);
  EXPECT_EQ(world.put(*tier, 1), Outcome::kRefused);
  EXPECT_EQ(run(*tier, Verb::kErase, world.id(0)), Outcome::kRefused);
}

}  // namespace
}  // namespace cairn::test
