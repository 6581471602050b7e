// Whatever a block file says, it is accepted only when it is the block that was asked for, and nothing crashes.
// The input is laid over a right file, resealed half of the time, so that the fuzzer reaches past the checksum.
#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "kv/manifest.h"
#include "kv/store_path.h"
#include "sample.h"

namespace cairn {
namespace {

struct World {
  StoreIdentity identity = sample::tiny_identity();
  BlockLayout layout = sample::layout_of(identity);
  KvBlockId id{.chunk = sample::chunks_of(identity, 1)[0], .shard = 0};
  BlockHeader wanted = make_header(store_root(identity), layout, id);
  std::vector<std::byte> file = sample::file_of(identity, id);
};

void try_header(const World& world, ByteSpan input) {
  if (input.size() < 3) return;
  std::array<std::byte, kHeaderBytes> bytes;
  std::copy_n(world.file.begin(), kHeaderBytes, bytes.begin());
  const auto mode = static_cast<unsigned>(input[0]);
  const std::size_t at = load_le<std::uint16_t>(input.data() + 1) % kHeaderBytes;
  input = input.subspan(3);
  std::copy_n(input.begin(), std::min(input.size(), kHeaderBytes - at),
              bytes.begin() + static_cast<std::ptrdiff_t>(at));
  if (mode & 1) {
    store_le<std::uint64_t>(bytes.data() + 504, 0);
    store_le(bytes.data() + 504, xxh3_64(bytes));
  }
  BlockHeader found;
  const HeaderVerdict verdict = check_header(bytes, world.file.size(), world.wanted, found);
  CAIRN_CHECK(to_string(verdict) != "unknown", "a verdict without a name");
  const ByteSpan payload[] = {ByteSpan(world.file).subspan(kHeaderBytes)};
  const bool same = std::memcmp(bytes.data(), world.file.data(), kHeaderBytes) == 0;
  const bool accepted = verdict == HeaderVerdict::kOk && verify_payload(found, payload) == HeaderVerdict::kOk;
  CAIRN_CHECK(accepted == same, "accepted exactly the block that was asked for");
}

void try_texts(std::string_view text) {
  if (const auto manifest = parse_manifest(text)) {
    const auto again = parse_manifest(write_manifest(*manifest));
    CAIRN_CHECK(again.has_value() && again->identity == manifest->identity, "a manifest does not survive its own text");
    CAIRN_CHECK(model_slug(manifest->identity).size() <= kSlugBytesMax, "slug too long");
  }
  if (const auto key = parse_block_name(text)) CAIRN_CHECK(block_name(*key) == text, "another name for a key");
  if (const auto key = parse_temp_name(text)) CAIRN_CHECK(text.find('/') == text.npos, "a path in a name");
}

}  // namespace
}  // namespace cairn

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const cairn::World kWorld;
  cairn::try_header(kWorld, cairn::ByteSpan(reinterpret_cast<const std::byte*>(data), size));
  cairn::try_texts(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
