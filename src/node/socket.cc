#include "node/socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace cairn {
namespace {

constexpr int kBacklog = 64;

Error failed(const std::string& what) { return unavailable(what + ": " + std::strerror(errno)); }

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path.starts_with('/')) return invalid("socket: '" + path + "' is no absolute path");
  if (path.size() >= sizeof address.sun_path) {
    return invalid("socket: " + path + " is longer than the " + std::to_string(sizeof address.sun_path - 1) +
                   " bytes that a socket's path may have");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// What others may enter they may also put a socket of their own into.
Result<void> own_directory(const std::filesystem::path& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return failed("cannot make " + directory.string());
  struct stat found{};
  if (::lstat(directory.c_str(), &found) != 0) return failed(directory.string());
  if (!S_ISDIR(found.st_mode)) return invalid(directory.string() + " is no directory");
  if (found.st_uid != ::geteuid()) return invalid(directory.string() + " belongs to another user");
  if ((found.st_mode & 0077) != 0) {
    return invalid(directory.string() + " is open to other users: chmod 700 it, or name another");
  }
  return {};
}

bool is_trusted(uid_t uid) { return uid == ::geteuid() || uid == 0; }

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Result<ListeningSocket> listen_at(const std::string& path) {
  CAIRN_TRY(const sockaddr_un address, address_of(path));
  CAIRN_TRY_VOID(own_directory(std::filesystem::path(path).parent_path()));
  ListeningSocket made;
  made.lock = Descriptor(::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made.lock.open()) return failed("cannot open " + path + ".lock");
  if (::flock(made.lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kRefused, "a daemon listens at " + path + " already"};
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("cannot remove " + path);
  made.socket = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.socket.open()) return failed("no socket");
  // The directory keeps others out from the first moment on.
  if (::bind(made.socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed("cannot listen at " + path);
  }
  if (::chmod(path.c_str(), 0600) != 0 || ::listen(made.socket.get(), kBacklog) != 0) {
    return failed("cannot listen at " + path);
  }
  return made;
}

Result<Descriptor> connect_to(const std::string& path) {
  CAIRN_TRY(const sockaddr_un address, address_of(path));
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return failed("no socket");
  // A UNIX socket connects at once or not at all: EAGAIN is a full backlog.
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed("no daemon answers at " + path);
  }
  CAIRN_TRY(const SocketPeer peer, peer_of(socket));
  if (!is_trusted(peer.uid)) return invalid(path + " is served by another user (uid " + std::to_string(peer.uid) + ")");
  return socket;
}

Result<Descriptor> accept_from(const Descriptor& listening) {
  for (;;) {
    Descriptor socket(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.open()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return Descriptor();
      return failed("cannot accept");
    }
    const Result<SocketPeer> peer = peer_of(socket);
    if (peer && is_trusted(peer->uid)) return socket;
  }
}

Result<SocketPeer> peer_of(const Descriptor& socket) {
  ucred found{};
  socklen_t size = sizeof found;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) return failed("no peer");
  return SocketPeer{found.pid, found.uid};
}

}  // namespace cairn
