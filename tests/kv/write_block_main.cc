// kv_write_block DIRECTORY: writes small stores there, for the independent reader of format_reader_test.py. Tokens
// count from 1; each store has two chunks in every cell; its own line in `stores` names manifest, tenant and salt.
#include <filesystem>
#include <fstream>

#include "kv/manifest.h"
#include "kv/store_path.h"
#include "sample.h"

namespace cairn {
namespace {

void write_bytes(const std::filesystem::path& path, const void* bytes, std::size_t size) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  CAIRN_CHECK(out.good(), "cannot write");
}

std::string write_store(const std::filesystem::path& directory, const StoreIdentity& identity,
                        const std::string& tenant, const std::string& salt) {
  CAIRN_CHECK(validate(identity).has_value(), "a sample identity must be valid");
  const BlockLayout layout = sample::layout_of(identity);
  const StorePath path(identity, layout);
  const std::string manifest = write_manifest({.identity = identity, .model_name = "sample", .created_by = "test"});
  write_bytes(directory / path.manifest(), manifest.data(), manifest.size());
  for (const ChunkId& chunk : sample::chunks_of(identity, 2, principal_tag(tenant, salt))) {
    for (std::uint32_t shard = 0; shard < layout.cells(); ++shard) {
      const auto file = sample::file_of(identity, {.chunk = chunk, .shard = shard});
      write_bytes(directory / path.block({.chunk = chunk, .shard = shard}), file.data(), file.size());
    }
  }
  return path.manifest() + "|" + tenant + "|" + salt + "\n";
}

StoreIdentity grid_identity() {
  StoreIdentity identity = sample::smollm_identity();
  identity.layout.grid = {.shard_layers = 15, .shard_kv_heads = 0};
  return identity;
}

StoreIdentity odd_identity() {
  StoreIdentity identity = sample::tiny_identity();
  identity.architecture = "Odd Model";
  identity.layout.geometry.groups = {{.layers = 2, .planes = 2, .heads = 4, .dim = 24, .dtype = KvDtype::kF32},
                                     {.layers = 1, .planes = 1, .heads = 4, .dim = 512, .dtype = KvDtype::kF16}};
  identity.layout.grid = {.shard_layers = 1, .shard_kv_heads = 2};
  identity.kv_quantization = "";
  identity.attention = {.sliding_window = 128, .soft_cap = 30.5, .scale = 0.1};
  identity.rope.pairing = RopePairing::kInterleaved;
  identity.rope.scaling = RopeScaling{.type = "longrope", .parameters = {{"short", {1.0, 1.25}}, {"empty", {}}}};
  identity.lossy_codec = "q8";
  return identity;
}

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) {
  CAIRN_CHECK(argc == 2, "usage: kv_write_block DIRECTORY");
  const std::filesystem::path directory = argv[1];
  std::string stores = cairn::write_store(directory, cairn::sample::tiny_identity(), "", "");
  stores += cairn::write_store(directory, cairn::grid_identity(), "acme", "s1");
  stores += cairn::write_store(directory, cairn::odd_identity(), "", "only a salt");
  cairn::write_bytes(directory / "stores", stores.data(), stores.size());
  return 0;
}
