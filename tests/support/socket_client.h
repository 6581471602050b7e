// A small HTTP/1.1 client over a plain blocking socket, for tests: it sends exactly the bytes it is given, and every
// wait has a deadline (a test fails instead of hanging).
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace cairn {

struct SocketReply {
  int status = 0;  // 0: the connection ended or the deadline passed before a whole reply
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool complete = false;  // the body ended as its framing says
  std::string header(const std::string& name) const {
    for (const auto& [known, value] : headers) {
      if (known.size() == name.size() && ::strcasecmp(known.c_str(), name.c_str()) == 0) return value;
    }
    return "";
  }
};

class SocketClient {
 public:
  static constexpr int kDeadlineSeconds = 20;

  // `receive_buffer_bytes` > 0 makes a reader whose kernel takes little for it.
  explicit SocketClient(std::uint16_t port, int receive_buffer_bytes = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval deadline{kDeadlineSeconds, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  SocketClient(const SocketClient&) = delete;
  SocketClient& operator=(const SocketClient&) = delete;
  ~SocketClient() { close(); }

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }
  void reset() {  // closes with RST
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  // False when the peer closed first.
  bool send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t now = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (now <= 0) return false;
      sent += static_cast<std::size_t>(now);
    }
    return true;
  }
  // Waits until at least `part` has arrived; false: the connection ended or the deadline passed.
  bool wait_for(const std::string& part) {
    while (buffer_.find(part) == std::string::npos) {
      if (!fill()) return false;
    }
    return true;
  }
  const std::string& arrived() const { return buffer_; }
  bool wait_for_close() {
    while (fill()) {
    }
    return ended_;
  }
  SocketReply read_reply(bool has_body = true) {
    SocketReply reply;
    if (!wait_for("\r\n\r\n")) return reply;
    const auto end = buffer_.find("\r\n\r\n");
    parse_head(buffer_.substr(0, end), reply);
    buffer_.erase(0, end + 4);
    if (!has_body || reply.status == 100) {
      reply.complete = true;
    } else if (reply.header("Transfer-Encoding") == "chunked") {
      reply.complete = read_chunks(reply.body);
    } else if (const std::string length = reply.header("Content-Length"); !length.empty()) {
      reply.complete = read_exactly(std::strtoull(length.c_str(), nullptr, 10), reply.body);
    } else {
      reply.complete = wait_for_close();
      reply.body = std::exchange(buffer_, {});
    }
    return reply;
  }

 private:
  bool fill() {
    char bytes[16384];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got == 0) ended_ = true;
    if (got < 0 && errno == ECONNRESET) ended_ = true;
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  bool read_exactly(std::size_t size, std::string& out) {
    while (buffer_.size() < size) {
      if (!fill()) return false;
    }
    out += buffer_.substr(0, size);
    buffer_.erase(0, size);
    return true;
  }
  bool read_chunks(std::string& out) {
    while (true) {
      if (!wait_for("\r\n")) return false;
      const auto end = buffer_.find("\r\n");
      const std::size_t size = std::strtoull(buffer_.c_str(), nullptr, 16);
      buffer_.erase(0, end + 2);
      std::string chunk;
      if (!read_exactly(size + 2, chunk) || !chunk.ends_with("\r\n")) return false;
      if (size == 0) return true;
      out.append(chunk, 0, size);
    }
  }
  static void parse_head(const std::string& head, SocketReply& reply) {
    reply.status = head.size() > 12 ? std::atoi(head.c_str() + 9) : 0;
    std::size_t at = head.find("\r\n");
    while (at != std::string::npos) {
      const auto begin = at + 2;
      at = head.find("\r\n", begin);
      const std::string line = head.substr(begin, at == std::string::npos ? at : at - begin);
      const auto colon = line.find(": ");
      if (colon != std::string::npos) reply.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
  }

  int fd_ = -1;
  bool ended_ = false;
  std::string buffer_;
};

inline std::string http_request(const std::string& method, const std::string& path, const std::string& body = "",
                                const std::string& more_headers = "") {
  std::string text = method + " " + path + " HTTP/1.1\r\nHost: test\r\n" + more_headers;
  if (!body.empty() || method == "POST") {
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  return text + "\r\n" + body;
}

}  // namespace cairn
