#include "kv/store_path.h"

#include "base/check.h"

namespace cairn {
namespace {

constexpr std::size_t kKeyDigits = 64, kRandomDigits = 16, kFanOutDigits = 3, kRootDigits = 12;
constexpr std::string_view kBlockSuffix = ".kv", kTempSuffix = ".tmp";

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

bool all_hex(std::string_view text) {
  for (const char c : text) {
    if (!digit(c)) return false;
  }
  return true;
}

std::optional<ChunkKey> parse_key(std::string_view hex) {
  if (hex.size() != kKeyDigits || !all_hex(hex)) return std::nullopt;
  ChunkKey key;
  for (std::size_t i = 0; i < key.digest.bytes.size(); ++i) {
    key.digest.bytes[i] = static_cast<std::uint8_t>(*digit(hex[2 * i]) << 4 | *digit(hex[2 * i + 1]));
  }
  return key;
}

}  // namespace

StorePath::StorePath(const StoreIdentity& identity, const BlockLayout& layout)
    : root_(store_root(identity)), model_directory_(model_slug(identity)) {
  directory_ = model_directory_ + "/" + layout_slug(identity) + "-" + to_hex(root_).substr(0, kRootDigits);
  shards_.reserve(layout.cells());
  for (std::uint32_t shard = 0; shard < layout.cells(); ++shard) shards_.push_back(layout.cell_slug(shard));
}

std::string StorePath::manifest() const { return directory_ + "/" + std::string(kManifestName); }

std::string StorePath::shard_directory(std::uint32_t shard) const {
  CAIRN_CHECK(shard < shards_.size(), "no such cell");
  return directory_ + "/" + shards_[shard];
}

std::string StorePath::block_directory(const KvBlockId& id) const {
  return shard_directory(id.shard) + "/" + fan_out(id.chunk.key);
}

std::string StorePath::block(const KvBlockId& id) const { return block_directory(id) + "/" + block_name(id.chunk.key); }

std::string block_name(const ChunkKey& key) { return to_hex(key.digest) + std::string(kBlockSuffix); }

std::string fan_out(const ChunkKey& key) { return to_hex(key.digest).substr(0, kFanOutDigits); }

std::string temp_name(const ChunkKey& key, std::uint64_t random) {
  std::uint8_t bytes[sizeof random];
  for (std::size_t i = 0; i < sizeof bytes; ++i) bytes[i] = static_cast<std::uint8_t>(random >> (56 - 8 * i));
  return "." + to_hex(key.digest) + "." + to_hex(bytes, sizeof bytes) + std::string(kTempSuffix);
}

std::optional<ChunkKey> parse_block_name(std::string_view name) {
  if (name.size() != kKeyDigits + kBlockSuffix.size() || !name.ends_with(kBlockSuffix)) return std::nullopt;
  return parse_key(name.substr(0, kKeyDigits));
}

std::optional<ChunkKey> parse_temp_name(std::string_view name) {
  if (name.size() != 1 + kKeyDigits + 1 + kRandomDigits + kTempSuffix.size()) return std::nullopt;
  if (name[0] != '.' || name[1 + kKeyDigits] != '.' || !name.ends_with(kTempSuffix)) return std::nullopt;
  if (!all_hex(name.substr(2 + kKeyDigits, kRandomDigits))) return std::nullopt;
  return parse_key(name.substr(1, kKeyDigits));
}

bool is_fan_out(std::string_view name) { return name.size() == kFanOutDigits && all_hex(name); }

}  // namespace cairn
