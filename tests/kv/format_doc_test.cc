// The worked example of docs/format.md is what the code produces, byte for byte: it is also the room's golden vector.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "kv/sha256.h"
#include "kv/store_path.h"
#include "sample.h"

namespace cairn {
namespace {

constexpr std::size_t kLineBytes = 32;

std::string hex_of(ByteSpan bytes) { return to_hex(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()); }

void write_keys(std::ostream& out, const StoreIdentity& identity, PrincipalTag tenant) {
  const auto chunks = sample::chunks_of(identity, 2, tenant);
  out << "key_0 = " << to_hex(chunks[0].parent.digest) << "\n";
  out << "key_1 = " << to_hex(chunks[0].key.digest) << "\n";
  out << "key_2 = " << to_hex(chunks[1].key.digest) << "\n";
  out << "digest_0 = " << to_hex(chunks[0].token_digest) << "\n";
  out << "digest_1 = " << to_hex(chunks[1].token_digest) << "\n";
}

std::string example() {
  const StoreIdentity identity = sample::tiny_identity();
  std::ostringstream out;
  out << "The bytes that the store root digests, and the root:\n\n```\n";
  const auto encoding = encode_identity(identity);
  for (std::size_t at = 0; at < encoding.size(); at += kLineBytes) {
    out << to_hex(&encoding[at], std::min(kLineBytes, encoding.size() - at)) << "\n";
  }
  out << "store_root = " << to_hex(store_root(identity)) << "\n```\n";

  out << "\nKeys without tenant and cache_salt:\n\n```\n";
  write_keys(out, identity, {});
  out << "```\n\nKeys for tenant \"acme\" and cache_salt \"s1\":\n\n```\n";
  const PrincipalTag tenant = principal_tag("acme", "s1");
  out << "principal = " << to_hex(tenant) << "\n";
  write_keys(out, identity, tenant);

  const KvBlockId id{.chunk = sample::chunks_of(identity, 2, tenant)[1], .shard = 0};
  const auto file = sample::file_of(identity, id);
  out << "```\n\nThe block of chunk 1 of that tenant, its header by offset, and the whole file:\n\n```\n";
  out << StorePath(identity, sample::layout_of(identity)).block(id) << "\n";
  for (std::size_t at = 0; at < kHeaderBytes; at += kLineBytes) {
    const ByteSpan line = ByteSpan(file).subspan(at, kLineBytes);
    if (!all_zero(line)) out << "header[" << at << "] = " << hex_of(line) << "\n";
  }
  out << "file[4096] = " << hex_of(ByteSpan(file).subspan(4096, kLineBytes)) << "\n";
  out << "file_bytes = " << file.size() << "\n";
  out << "file_sha256 = " << to_hex(Sha256().update(file.data(), file.size()).finish()) << "\n```\n";
  return out.str();
}

TEST(FormatDocument, TheWorkedExampleIsWhatTheCodeDoes) {
  std::ifstream document(CAIRN_SOURCE_DIR "/docs/format.md");
  ASSERT_TRUE(document);
  const std::string text{std::istreambuf_iterator<char>(document), {}};
  const std::string begin = "<!-- example:begin -->\n", end = "<!-- example:end -->";
  const std::size_t from = text.find(begin), to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::string shown = text.substr(from + begin.size(), to - from - begin.size());
  EXPECT_EQ(shown, example());
}

}  // namespace
}  // namespace cairn
