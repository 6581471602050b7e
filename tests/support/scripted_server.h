// A server on a free port of the loopback that says exactly what a test tells it to. Each connection has a thread of
// its own that runs the script; every wait has a deadline.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace cairn::test {

// The server's end of one connection.
class ServedConnection {
 public:
  ServedConnection(int descriptor, int number) : descriptor_(descriptor), number_(number) {}
  int number() const { return number_; }  // 0 for the first connection that was accepted
  // Header and body of the next request; empty: the client has gone.
  std::string read_request() {
    for (;;) {
      const auto end = received_.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t whole = end + 4 + body_bytes(received_.substr(0, end));
        while (received_.size() < whole && read_some()) {
        }
        std::string request = received_.substr(0, whole);
        received_.erase(0, whole);
        return request;
      }
      if (!read_some()) return "";
    }
  }
  // The header alone; the body stays unread.
  void read_head() {
    while (received_.find("\r\n\r\n") == std::string::npos && read_some()) {
    }
  }
  // Returns once the client has closed its end, whose bytes stay where they are.
  void until_closed_without_reading() {
    pollfd waiting{descriptor_, POLLRDHUP, 0};
    ::poll(&waiting, 1, 20'000);
  }
  // False: the client has gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool answer(std::string_view body, std::string_view head = "HTTP/1.1 200 OK\r\n") {
    return send(std::string(head) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  }
  bool begin_chunked(std::string_view type = "text/event-stream") {
    return send("HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) + "\r\nTransfer-Encoding: chunked\r\n\r\n");
  }
  bool send_chunk(std::string_view bytes) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return send(size + std::string(bytes) + "\r\n");
  }
  // Returns once the client has closed its end.
  void until_closed() {
    while (read_some()) {
    }
  }
  void reset() {  // a close that the client sees as a reset
    const linger now{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

 private:
  static std::size_t body_bytes(const std::string& head) {
    const auto at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::strtoull(head.c_str() + at + 16, nullptr, 10);
  }
  bool read_some() {
    char bytes[4096];
    const ssize_t got = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    received_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  const int descriptor_;
  const int number_;
  std::string received_;
};

class ScriptedServer {
 public:
  using Script = std::function<void(ServedConnection&)>;
  // The connection is closed when the script returns.
  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    CAIRN_CHECK(::bind(listening_, reinterpret_cast<const sockaddr*>(&address), length) == 0, "a free port");
    CAIRN_CHECK(::listen(listening_, 1024) == 0, "a listening socket");
    CAIRN_CHECK(::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &length) == 0, "its port");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~ScriptedServer() { stop(); }
  std::uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int connections() const {
    MutexLock lock(mutex_);
    return static_cast<int>(threads_.size());
  }
  // Refuses new connections, breaks the open ones off and waits for their scripts.
  void stop() {
    if (!acceptor_.joinable()) return;
    ::shutdown(listening_, SHUT_RDWR);
    acceptor_.join();
    ::close(listening_);
    std::vector<std::thread> threads;
    {
      MutexLock lock(mutex_);
      for (const int descriptor : open_) ::shutdown(descriptor, SHUT_RDWR);
      threads = std::move(threads_);
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  void accept() {
    for (int number = 0;; ++number) {
      const int descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (descriptor < 0) return;
      const timeval deadline{20, 0};
      ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
      ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
      const int now = 1;
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
      MutexLock lock(mutex_);
      open_.push_back(descriptor);
      threads_.emplace_back([this, descriptor, number] { serve(descriptor, number); });
    }
  }
  void serve(int descriptor, int number) {
    ServedConnection connection(descriptor, number);
    script_(connection);
    MutexLock lock(mutex_);
    std::erase(open_, descriptor);
    ::close(descriptor);
  }

  const Script script_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  mutable Mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
};

}  // namespace cairn::test
