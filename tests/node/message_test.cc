// Each message comes back as it was; whatever else the bytes are, they are an error and cost no memory.
#include "node/message.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/random.h"

namespace cairn {
namespace {

ChunkId chunk(Random& random) {
  ChunkId id;
  for (auto* digest : {&id.key.digest, &id.parent.digest, &id.token_digest}) {
    for (std::uint8_t& byte : digest->bytes) byte = static_cast<std::uint8_t>(random.next());
  }
  id.index = static_cast<std::uint32_t>(random.next());
  id.tokens = 256;
  id.tenant.bytes[3] = 9;
  return id;
}

std::vector<ClientMessage> client_messages() {
  Random random(1);
  const std::vector<ChunkId> chunks = {chunk(random), chunk(random), chunk(random)};
  return {Hello{kNodeVersion, 7, "worker 1", "{\"model\": \"x\"}", {0, 30, 1, 2}},
          MatchPrefix{9, 512.5, 2, chunks},
          ReserveSlots{10, chunks},
          SealSlots{10, {{0, {{1, 2}, {3, 4}}}, {2, {}}}},
          ReleaseTicket{11},
          AskStats{12}};
}

std::vector<DaemonMessage> daemon_messages() {
  return {Welcome{99, 1 << 20, 4096, 256, "{}"},
          Refusal{3, "no memory"},
          Matched{9, 2, {{5, 8, {{1, 2}}}, {kNoSlot, 0, {}}}, {1, 1}, {0, 0, 3}},
          Reserved{10, {{1, 3}, {kNoSlot, 0}}},
          Stored{10, 1},
          Stats{12, "cairn_x 1\n"}};
}

// Encoding is a function of the fields, so equal bytes are equal messages.
TEST(NodeMessage, EachComesBackAsItWas) {
  for (const ClientMessage& message : client_messages()) {
    const std::vector<std::byte> bytes = encode(message);
    EXPECT_EQ(message_bytes(bytes).value(), bytes.size());
    const auto back = decode_client_message(bytes);
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(back->index(), message.index());
    EXPECT_EQ(encode(*back), bytes);
    EXPECT_FALSE(decode_daemon_message(bytes)) << "a client is no daemon";
  }
  for (const DaemonMessage& message : daemon_messages()) {
    const std::vector<std::byte> bytes = encode(message);
    const auto back = decode_daemon_message(bytes);
    ASSERT_TRUE(back) << back.error().detail;
    EXPECT_EQ(encode(*back), bytes);
    EXPECT_FALSE(decode_client_message(bytes));
  }
}

TEST(NodeMessage, TheBytesAreThoseOfTheTable) {
  const std::vector<std::byte> bytes = encode(ClientMessage(ReleaseTicket{0x0102}));
  const std::vector<int> wanted = {12, 0, 0, 0, 5, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0};
  ASSERT_EQ(bytes.size(), wanted.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_EQ(std::to_integer<int>(bytes[i]), wanted[i]) << i;
}

TEST(NodeMessage, ALengthIsKnownFromFourBytesAndBounded) {
  std::vector<std::byte> bytes = encode(ClientMessage(ReleaseTicket{1}));
  EXPECT_EQ(message_bytes(std::span(bytes).first(3)).value(), 0u);
  EXPECT_EQ(message_bytes(std::span(bytes).first(4)).value(), bytes.size());
  store_le(bytes.data(), static_cast<std::uint32_t>(kMessageBytesMax + 1));
  EXPECT_FALSE(message_bytes(bytes));
  store_le(bytes.data(), std::uint32_t{3});
  EXPECT_FALSE(message_bytes(bytes));
}

TEST(NodeMessage, EveryCutAndEveryLongerOneIsRefused) {
  for (const ClientMessage& message : client_messages()) {
    const std::vector<std::byte> whole = encode(message);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(decode_client_message(std::span(whole).first(size)));
      std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      if (size < kMessageHeadBytes) continue;
      store_le(cut.data(), static_cast<std::uint32_t>(size - sizeof(std::uint32_t)));
      EXPECT_FALSE(decode_client_message(cut)) << "its length is right, its fields are not whole";
    }
    std::vector<std::byte> longer = whole;
    longer.push_back({});
    store_le(longer.data(), static_cast<std::uint32_t>(longer.size() - sizeof(std::uint32_t)));
    EXPECT_FALSE(decode_client_message(longer));
  }
}

// A count of four billion chunks in a message of a few bytes asks for no memory.
TEST(NodeMessage, ACountThatTheBytesCannotHoldIsRefused) {
  for (const ClientMessage& message : client_messages()) {
    const std::vector<std::byte> whole = encode(message);
    for (std::size_t at = kMessageHeadBytes; at + 4 <= whole.size(); ++at) {
      std::vector<std::byte> bytes = whole;
      store_le(bytes.data() + at, std::uint32_t{0xfffffff0});
      const auto back = decode_client_message(bytes);
      EXPECT_TRUE(!back || encode(*back) == bytes);
    }
  }
}

}  // namespace
}  // namespace cairn
