// Messages arrive whole, in order and once, however the socket cuts them; a peer that does not read or lies about
// lengths ends its channel and nothing else.
#include "node/channel.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/bytes.h"
#include "base/random.h"
#include "node/message.h"

namespace cairn {
namespace {

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() {
    std::array<int, 2> ends{};
    CAIRN_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0, "a pair");
    raw_ = ends[1];
    here_ = std::make_unique<MessageChannel>(Descriptor(ends[0]));
    there_ = std::make_unique<MessageChannel>(Descriptor(ends[1]));
  }
  static std::vector<std::byte> message(std::uint64_t ticket, std::size_t text) {
    return encode(DaemonMessage(Stats{ticket, std::string(text, 'x')}));
  }
  int raw_ = -1;
  std::unique_ptr<MessageChannel> here_, there_;
};

TEST_F(ChannelTest, ArriveWholeAndInOrder) {
  Random random(5);
  std::uint64_t sent = 0, got = 0;
  while (got < 400) {
    if (sent < 400 && random.chance(0.5)) {
      ASSERT_TRUE(here_->send(message(sent++, random.below(60'000))));
    } else {
      ASSERT_TRUE(here_->flush());
      const auto bytes = there_->receive();
      ASSERT_TRUE(bytes) << bytes.error().detail;
      if (bytes->empty()) continue;
      const auto decoded = decode_daemon_message(*bytes);
      ASSERT_TRUE(decoded);
      EXPECT_EQ(std::get<Stats>(*decoded).ticket, got++);
    }
  }
  EXPECT_FALSE(here_->wants_to_write());
}

TEST_F(ChannelTest, ABrokenOffPeerIsToldAfterWhatItSaid) {
  ASSERT_TRUE(here_->send(message(7, 10)));
  here_.reset();
  EXPECT_FALSE(there_->receive()->empty());
  const auto end = there_->receive();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(there_->send(message(8, 10)).error().code, ErrorCode::kUnavailable) << "and no signal";
}

TEST_F(ChannelTest, WhoDoesNotReadIsGivenUp) {
  Result<void> sent;
  std::size_t bytes = 0;
  for (int i = 0; i < 1000 && sent; ++i) {
    sent = here_->send(message(1, 1 << 20));
    bytes += 1 << 20;
  }
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kExhausted);
  EXPECT_LT(bytes, std::size_t{64} << 20);
}

TEST_F(ChannelTest, ALengthThatNoMessageHasEndsIt) {
  std::array<std::byte, 8> lie{};
  store_le(lie.data(), std::uint32_t{0x7fffffff});
  ASSERT_EQ(::write(raw_, lie.data(), lie.size()), 8);
  const auto got = here_->receive();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kInvalid);
}

TEST_F(ChannelTest, DescriptorsComeWithTheirMessage) {
  const Descriptor memory(::memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(::write(memory.get(), "hello", 5), 5);
  const std::array<int, 1> beside = {memory.get()};
  ASSERT_TRUE(here_->send(message(1, 1), beside));
  ASSERT_FALSE(there_->receive()->empty());
  const std::vector<Descriptor> got = there_->take_descriptors();
  ASSERT_EQ(got.size(), 1u);
  std::array<char, 5> text{};
  ASSERT_EQ(::pread(got[0].get(), text.data(), text.size(), 0), 5);
  EXPECT_EQ(std::string(text.data(), text.size()), "hello");
}

}  // namespace
}  // namespace cairn
