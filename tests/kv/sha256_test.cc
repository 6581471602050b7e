// SHA-256 gives the published digests, however the message is cut.
#include "kv/sha256.h"

#include <gtest/gtest.h>

#include <string>

namespace cairn {
namespace {

constexpr const char* kEmpty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(to_hex(sha256(std::string_view())), kEmpty);
  EXPECT_EQ(to_hex(sha256(std::string_view("abc"))), kAbc);
  EXPECT_EQ(to_hex(sha256(std::string_view("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, PiecesDoNotMatter) {
  const std::string text(1000, 'x');
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{999}}) {
    EXPECT_EQ(Sha256().update(text.substr(0, cut)).update(text.substr(cut)).finish(), sha256(text)) << cut;
  }
}

TEST(Sha256, StartsAnewAfterFinish) {
  Sha256 hash;
  hash.update("something else").finish();
  EXPECT_EQ(to_hex(hash.update("abc").finish()), kAbc);
  Sha256 moved = std::move(hash);
  EXPECT_EQ(to_hex(moved.finish()), kEmpty);
}

TEST(Sha256, NumbersAreLittleEndian) {
  EXPECT_EQ(Sha256().update_u32(0x04030201).finish(), sha256(std::string_view("\1\2\3\4", 4)));
}

}  // namespace
}  // namespace cairn
