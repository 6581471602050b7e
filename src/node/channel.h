// Messages over a connected UNIX socket, with descriptors beside them. Never blocks; one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "base/result.h"
#include "node/socket.h"

namespace cairn {

class MessageChannel {
 public:
  // A peer that does not read is given up before more than `pending_bytes_max` wait for it.
  explicit MessageChannel(Descriptor socket, std::size_t pending_bytes_max = std::size_t{32} << 20)
      : socket_(std::move(socket)), pending_bytes_max_(pending_bytes_max) {}

  int descriptor() const { return socket_.get(); }
  bool wants_to_write() const { return !pending_.empty(); }

  // Sends what the socket takes now and keeps the rest for flush(). `descriptors` go with the first byte. An error
  // ends the channel: kUnavailable, the peer is gone; kExhausted, it does not read.
  Result<void> send(std::vector<std::byte> message, std::span<const int> descriptors = {});
  Result<void> flush();

  // The next whole message; empty: there is none yet. An error ends the channel: kUnavailable, the peer is gone;
  // kInvalid, a length that no message has.
  Result<std::vector<std::byte>> receive();
  std::vector<Descriptor> take_descriptors() { return std::exchange(descriptors_, {}); }

 private:
  struct Pending {
    std::vector<std::byte> bytes;
    std::size_t sent = 0;
    std::vector<int> descriptors;  // the caller keeps them open
  };
  Result<bool> read_more();  // false: nothing there

  Descriptor socket_;
  const std::size_t pending_bytes_max_;
  std::deque<Pending> pending_;
  std::size_t pending_bytes_ = 0;
  std::vector<std::byte> received_;
  std::size_t taken_ = 0;  // of received_
  std::vector<Descriptor> descriptors_;
};

}  // namespace cairn
