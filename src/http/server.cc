#include "http/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "http/connection.h"

namespace cairn {
namespace {

namespace asio = boost::asio;
using ErrorOf = boost::system::error_code;

constexpr std::uint32_t kLastWordsMs = 500;    // after the drain, for the ends of answers to go out
constexpr std::uint32_t kBusyWaitMs = 5000;    // behind it, for the service's last sinks
constexpr std::uint32_t kAcceptPauseMs = 100;  // after an accept that failed (no descriptors left)

Result<void> write_whole(const std::string& path, const std::string& text) {
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
    ::unlink(temporary.c_str());
    return invalid("ready_file: cannot write " + path);
  }
  return {};
}

}  // namespace

Result<void> check_ready_file(const std::string& path) {
  if (path.empty()) return {};
  std::error_code ignored;
  const std::filesystem::path file = path;
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const std::string shown = "ready_file: " + path;
  if (!std::filesystem::is_directory(folder, ignored))
    return invalid(shown + ": there is no directory " + folder.string() + "; make it first");
  if (std::filesystem::exists(file, ignored) && !std::filesystem::is_regular_file(file, ignored))
    return invalid(shown + " is there and not a regular file; name another");
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return invalid(shown + ": the directory " + folder.string() + " cannot be written to");
  return {};
}

struct HttpServer::Impl {
  Impl(HttpLoop& turning, const HttpConfig& settings, HttpService& target, const Clock& time)
      : loop(turning),
        io(turning.io()),
        config(settings),
        shared{turning, config, target, time},
        acceptor(io),
        drain_timer(io),
        pause_timer(io) {}

  Result<void> listen();
  asio::awaitable<void> accept();
  void add(asio::ip::tcp::socket socket);
  void begin_stop();
  void finish_all();
  void cut_all();
  void finish_if_idle();

  HttpLoop& loop;
  asio::io_context& io;
  const HttpConfig config;
  ConnectionShared shared;
  asio::ip::tcp::acceptor acceptor;
  asio::steady_timer drain_timer, pause_timer;
  std::set<std::shared_ptr<HttpConnection>> connections;
  bool gave_up = false;
};

Result<void> HttpServer::Impl::listen() {
  CAIRN_TRY(const ListenAddress address, parse_listen(config.listen));
  ErrorOf error;
  const auto host = asio::ip::make_address(address.host, error);
  if (error) return invalid("listen: " + config.listen + ": " + error.message());
  const asio::ip::tcp::endpoint endpoint(host, address.port);
  const auto fail = [this, &error] {
    const bool taken = error == asio::error::address_in_use;
    return unavailable(
        "listen: " + config.listen +
        (taken ? " is in use by another program; choose another port, or port 0" : ": " + error.message()));
  };
  acceptor.open(endpoint.protocol(), error);
  if (error) return fail();
  acceptor.set_option(asio::socket_base::reuse_address(true), error);
  acceptor.bind(endpoint, error);
  if (error) return fail();
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail();
  return {};
}

asio::awaitable<void> HttpServer::Impl::accept() {
  while (acceptor.is_open()) {
    ErrorOf error;
    asio::ip::tcp::socket socket(io);
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor.is_open()) co_return;
    if (!error) {
      add(std::move(socket));
      continue;
    }
    pause_timer.expires_after(std::chrono::milliseconds(kAcceptPauseMs));
    co_await pause_timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

void HttpServer::Impl::add(asio::ip::tcp::socket socket) {
  if (connections.size() >= config.connections_max) {
    const HttpResponse response = shared.service.refuse(HttpRefusal::kTooManyConnections, "");
    const std::string bytes =
        format_head({response.status, response.content_type, response.body.size(), false, true, false},
                    response.headers) +
        response.body;
    // An empty socket buffer takes this at once; a client that is not served gets no more than one try.
    [[maybe_unused]] const auto sent =
        ::send(socket.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ErrorOf ignored;
    socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    return;
  }
  ErrorOf error;
  const bool v6 = socket.local_endpoint(error).protocol() == asio::ip::tcp::v6();
  const int descriptor = socket.release(error);
  if (error) return;
  connections.insert(
      HttpConnection::start({descriptor, v6}, shared, [this](const std::shared_ptr<HttpConnection>& ended) {
        connections.erase(ended);
        shared.service.connections_changed(connections.size());
        finish_if_idle();
      }));
  shared.service.connections_changed(connections.size());
}

void HttpServer::Impl::begin_stop() {
  if (shared.stopping) return;
  shared.stopping = true;
  const auto open = connections;  // stop() may erase
  for (const auto& connection : open) connection->stop();
  drain_timer.expires_after(std::chrono::milliseconds(config.drain_ms));
  drain_timer.async_wait([this](const ErrorOf& error) {
    if (!error) finish_all();
  });
  finish_if_idle();
}

void HttpServer::Impl::finish_all() {
  const auto open = connections;
  for (const auto& connection : open) connection->finish();
  drain_timer.expires_after(std::chrono::milliseconds(kLastWordsMs));
  drain_timer.async_wait([this](const ErrorOf& error) {
    if (!error) cut_all();
  });
}

void HttpServer::Impl::cut_all() {
  const auto open = connections;
  for (const auto& connection : open) connection->cut(GoneReason::kStopping);
  drain_timer.expires_after(std::chrono::milliseconds(kBusyWaitMs));
  drain_timer.async_wait([this](const ErrorOf& error) {
    if (error) return;
    gave_up = true;
    loop.stop();
  });
}

void HttpServer::Impl::finish_if_idle() {
  const auto answering = [](const auto& connection) { return connection->answering(); };
  if (!shared.stopping || shared.service.busy() || std::any_of(connections.begin(), connections.end(), answering)) {
    return;
  }
  ErrorOf ignored;
  acceptor.close(ignored);
  pause_timer.cancel();
  const auto open = connections;  // those that came meanwhile and have asked nothing
  for (const auto& connection : open) connection->stop();
  if (!connections.empty()) return;
  drain_timer.cancel();
  loop.post([this] { loop.stop(); });  // behind what was cancelled above
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::bind(HttpLoop& loop, const HttpConfig& config, HttpService& service,
                                                     const Clock& clock) {
  CAIRN_TRY_VOID(check_ready_file(config.ready_file));
  auto impl = std::make_unique<Impl>(loop, config, service, clock);
  CAIRN_TRY_VOID(impl->listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::string HttpServer::url() const {
  ErrorOf error;
  const std::uint16_t port = impl_->acceptor.local_endpoint(error).port();
  auto address = parse_listen(impl_->config.listen).value();
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  const bool v6 = address.host.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(port);
}

Result<void> HttpServer::run() {
  if (!impl_->config.ready_file.empty()) CAIRN_TRY_VOID(write_whole(impl_->config.ready_file, url() + "\n"));
  asio::co_spawn(impl_->io, impl_->accept(), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  impl_->loop.run();
  if (impl_->gave_up) return Error{ErrorCode::kTimeout, "requests did not end within the time to drain"};
  return {};
}

void HttpServer::stop() {
  asio::post(impl_->io, [impl = impl_.get()] { impl->begin_stop(); });
}

bool HttpServer::stopping() const { return impl_->shared.stopping; }

void HttpServer::service_idle() { impl_->finish_if_idle(); }

}  // namespace cairn
