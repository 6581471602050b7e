#include "node/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "node/message.h"

namespace cairn {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::size_t kDescriptorsMax = 4;  // beside one message

}  // namespace

Result<void> MessageChannel::send(std::vector<std::byte> message, std::span<const int> descriptors) {
  if (pending_bytes_ + message.size() > pending_bytes_max_) {
    return Error{ErrorCode::kExhausted, "the other side does not read"};
  }
  pending_bytes_ += message.size();
  pending_.push_back({std::move(message), 0, {descriptors.begin(), descriptors.end()}});
  return flush();
}

Result<void> MessageChannel::flush() {
  while (!pending_.empty()) {
    Pending& first = pending_.front();
    iovec piece{first.bytes.data() + first.sent, first.bytes.size() - first.sent};
    msghdr header{};
    header.msg_iov = &piece;
    header.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax)> beside{};
    if (first.sent == 0 && !first.descriptors.empty()) {
      const std::size_t bytes = first.descriptors.size() * sizeof(int);
      header.msg_control = beside.data();
      header.msg_controllen = CMSG_SPACE(bytes);
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(bytes);
      std::memcpy(CMSG_DATA(rights), first.descriptors.data(), bytes);
    }
    const ssize_t sent = ::sendmsg(socket_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
      return unavailable(std::string("the other side is gone: ") + std::strerror(errno));
    }
    first.sent += static_cast<std::size_t>(sent);
    pending_bytes_ -= static_cast<std::size_t>(sent);
    if (first.sent == first.bytes.size()) pending_.pop_front();
  }
  return {};
}

Result<bool> MessageChannel::read_more() {
  const std::size_t before = received_.size();
  received_.resize(before + kReadBytes);
  iovec piece{received_.data() + before, kReadBytes};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kDescriptorsMax)> beside{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = beside.data();
  header.msg_controllen = beside.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  received_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (got < 0) return unavailable(std::string("the other side is gone: ") + std::strerror(errno));
  for (cmsghdr* each = CMSG_FIRSTHDR(&header); each != nullptr; each = CMSG_NXTHDR(&header, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(each) + i * sizeof(int), sizeof number);
      descriptors_.emplace_back(number);
    }
  }
  if (descriptors_.size() > kDescriptorsMax) return invalid("more descriptors than any message has");
  if (got == 0) return unavailable("the other side is gone");
  return true;
}

Result<std::vector<std::byte>> MessageChannel::receive() {
  for (;;) {
    const std::span<const std::byte> there = std::span(received_).subspan(taken_);
    CAIRN_TRY(const std::size_t size, message_bytes(there));
    if (size > 0 && there.size() >= size) {
      std::vector<std::byte> message(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(size));
      taken_ += size;
      if (taken_ == received_.size()) {
        received_.clear();
        taken_ = 0;
      }
      return message;
    }
    received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(std::exchange(taken_, 0)));
    CAIRN_TRY(const bool more, read_more());
    if (!more) return std::vector<std::byte>();
  }
}

}  // namespace cairn
