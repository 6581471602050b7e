// UNIX sockets of a node: who may listen and connect where, and descriptors that close themselves.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "base/result.h"

namespace cairn {

// An open descriptor; closes it. Movable.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();
  int get() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

// A socket to listen on, and the lock that says that nobody else does; both go with the object, the name stays.
struct ListeningSocket {
  Descriptor socket, lock;
};

// At an absolute path, in a directory of ours that only we may enter (made 0700 when absent); the socket is 0600.
// kInvalid: the path is too long or not absolute, the directory is another's or open to others. kRefused: a daemon
// listens there. kUnavailable: the system said no.
Result<ListeningSocket> listen_at(const std::string& path);

// kUnavailable: nobody listens there. kInvalid: the one who does is another user's.
Result<Descriptor> connect_to(const std::string& path);

// The next who connects, not blocking; not open: nobody does. Peers of other users than ours and root are sent away.
Result<Descriptor> accept_from(const Descriptor& listening);

struct SocketPeer {
  pid_t pid = 0;
  uid_t uid = 0;
};
Result<SocketPeer> peer_of(const Descriptor& socket);

}  // namespace cairn
