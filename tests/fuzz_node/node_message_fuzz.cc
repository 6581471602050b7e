// Whatever a client or a daemon sends is a message, which encodes to the same bytes, or an error.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "node/message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const auto length = cairn::message_bytes(bytes)) {
    CAIRN_CHECK(*length <= cairn::kMessageBytesMax + 4, "a length beyond the bound");
  }
  const auto is_same = [&](const std::vector<std::byte>& back) { return std::ranges::equal(back, bytes); };
  if (const auto message = cairn::decode_client_message(bytes)) {
    CAIRN_CHECK(is_same(cairn::encode(*message)), "a client's message came back as another");
  }
  if (const auto message = cairn::decode_daemon_message(bytes)) {
    CAIRN_CHECK(is_same(cairn::encode(*message)), "a daemon's message came back as another");
  }
  return 0;
}
