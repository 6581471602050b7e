#include "http/client.h"

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <map>

#include "base/check.h"
#include "http/response_parser.h"
#include "http/watchdog.h"

namespace cairn {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using ErrorOf = boost::system::error_code;
using Millis = std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 16 * 1024;

auto no_throw(ErrorOf& error) { return asio::redirect_error(asio::use_awaitable, error); }

struct KeptConnection {
  tcp::socket socket;
  asio::steady_timer::time_point since;
};

}  // namespace

// What calls need of their client; lives as long as a call does.
struct HttpClient::Impl : std::enable_shared_from_this<HttpClient::Impl> {
  class Call;
  Impl(HttpLoop& turning, const HttpClientConfig& settings) : loop(turning), io(turning.io()), config(settings) {}
  // A connection that is still open, as far as one can see.
  std::optional<tcp::socket> take_kept(const std::string& authority);
  void keep(const std::string& authority, tcp::socket socket);

  HttpLoop& loop;
  asio::io_context& io;
  const HttpClientConfig config;
  std::map<std::string, std::deque<KeptConnection>> kept;  // newest last
  std::map<HttpCallId, std::shared_ptr<Call>> calls;
  HttpCallId next_id = 1;
};

class HttpClient::Impl::Call final : public std::enable_shared_from_this<Call> {
 public:
  Call(std::shared_ptr<Impl> client, HttpCallId id, HttpCall call, HttpAnswerSink& sink)
      : client_(std::move(client)),
        id_(id),
        call_(std::move(call)),
        sink_(&sink),
        socket_(client_->io),
        watchdog_(client_->loop, [this] { late(); }),
        total_(client_->loop,
               [this] {
                 late_ = "no whole answer within " + std::to_string(call_.total_timeout_ms) + " ms";
                 late();
               }),
        wake_(client_->io),
        parser_(asked(), client_->config.header_bytes_max) {}

  awaitable<void> run();
  void cancel();
  void pause() { paused_ = true; }
  void resume() {
    paused_ = false;
    wake_.cancel();
  }

 private:
  HttpResponseParser::AskedFor asked() const {
    return call_.method == "HEAD" ? HttpResponseParser::AskedFor::kHeadOnly : HttpResponseParser::AskedFor::kBody;
  }
  awaitable<Result<void>> attempt(bool* reuse);
  awaitable<Result<void>> connect();
  awaitable<Result<void>> send();
  awaitable<Result<void>> receive();
  Result<void> take(std::string_view bytes);
  Result<void> failed(const std::string& what, const ErrorOf& error) const;
  std::string header() const;
  void late();

  const std::shared_ptr<Impl> client_;
  const HttpCallId id_;
  const HttpCall call_;
  HttpAnswerSink* sink_;  // null: cancelled
  tcp::socket socket_;
  Watchdog watchdog_, total_;
  asio::steady_timer wake_;
  HttpResponseParser parser_;
  std::string late_;  // what passed when the watchdog fired
  bool sending_ = false, early_ = false, timed_out_ = false, paused_ = false, head_given_ = false, bytes_came_ = false;
};

std::optional<tcp::socket> HttpClient::Impl::take_kept(const std::string& authority) {
  auto& list = kept[authority];
  const auto oldest = asio::steady_timer::clock_type::now() - Millis(config.keep_idle_ms);
  while (!list.empty() && list.front().since < oldest) list.pop_front();
  while (!list.empty()) {
    tcp::socket socket = std::move(list.back().socket);
    list.pop_back();
    // Readable means closed by its server, or bytes that nobody asked for: of no use either way.
    ErrorOf error;
    char byte = 0;
    socket.non_blocking(true, error);
    socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    if (error == asio::error::would_block) return socket;
  }
  return std::nullopt;
}

void HttpClient::Impl::keep(const std::string& authority, tcp::socket socket) {
  auto& list = kept[authority];
  list.push_back({std::move(socket), asio::steady_timer::clock_type::now()});
  if (list.size() > config.idle_connections_max) list.pop_front();
}

void HttpClient::Impl::Call::late() {
  timed_out_ = true;
  ErrorOf ignored;
  socket_.close(ignored);
}

void HttpClient::Impl::Call::cancel() {
  sink_ = nullptr;
  watchdog_.disarm();
  wake_.cancel();
  ErrorOf ignored;
  socket_.close(ignored);
}

Result<void> HttpClient::Impl::Call::failed(const std::string& what, const ErrorOf& error) const {
  const std::string where = call_.origin.authority + ": ";
  if (timed_out_) return Error{ErrorCode::kTimeout, where + late_};
  for (const int ours : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL}) {
    if (error == ErrorOf(ours, boost::system::system_category()))
      return Error{ErrorCode::kExhausted, where + what + ": " + error.message()};
  }
  return unavailable(where + what + ": " + error.message());
}

std::string HttpClient::Impl::Call::header() const {
  std::string text = call_.method + " " + call_.origin.path + call_.target + " HTTP/1.1\r\n";
  text += "Host: " + call_.origin.authority + "\r\n";
  for (const auto& [name, value] : call_.headers) text += name + ": " + value + "\r\n";
  if (call_.body) text += "Content-Length: " + std::to_string(call_.body->size()) + "\r\n";
  return text + "\r\n";
}

awaitable<Result<void>> HttpClient::Impl::Call::connect() {
  ErrorOf error;
  const asio::ip::address address = asio::ip::make_address(call_.origin.host, error);
  if (!error) {
    watchdog_.arm(client_->config.connect_timeout_ms);
    co_await socket_.async_connect({address, call_.origin.port}, no_throw(error));
  } else {
    tcp::resolver resolver(client_->io);
    const auto found =
        co_await resolver.async_resolve(call_.origin.host, std::to_string(call_.origin.port), no_throw(error));
    if (error || sink_ == nullptr) co_return failed("its name was not resolved", error);
    watchdog_.arm(client_->config.connect_timeout_ms);
    co_await asio::async_connect(socket_, found, no_throw(error));
  }
  watchdog_.disarm();
  if (timed_out_) {
    co_return unavailable(call_.origin.authority + ": not connected within " +
                          std::to_string(client_->config.connect_timeout_ms) + " ms");
  }
  if (error) co_return failed("not connected", error);
  socket_.set_option(tcp::no_delay(true), error);
  co_return Result<void>{};
}

awaitable<Result<void>> HttpClient::Impl::Call::send() {
  const std::string head = header();
  std::string_view parts[2] = {head, call_.body ? std::string_view(*call_.body) : std::string_view()};
  // A server may answer before it has read all, and then read no more.
  sending_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](const ErrorOf& waited) {
    if (waited || !self->sending_) return;
    self->early_ = true;
    ErrorOf ignored;
    self->socket_.cancel(ignored);
  });
  ErrorOf error;
  while (!error && !early_ && !(parts[0].empty() && parts[1].empty())) {
    const std::array<asio::const_buffer, 2> bytes = {asio::buffer(parts[0]), asio::buffer(parts[1])};
    std::size_t taken = co_await socket_.async_write_some(bytes, no_throw(error));
    for (std::string_view& part : parts) {
      const std::size_t now = std::min(taken, part.size());
      part.remove_prefix(now);
      taken -= now;
    }
  }
  sending_ = false;
  if (error) co_return failed("it took no request", error);
  co_return Result<void>{};
}

Result<void> HttpClient::Impl::Call::take(std::string_view bytes) {
  using State = HttpResponseParser::State;
  // The head goes first: the parser keeps the body's pieces in the order of the bytes, so that one look is enough.
  std::string body;
  const State state = parser_.feed(bytes, [&body](std::string_view piece) { body += piece; });
  if (!head_given_ && (state == State::kBody || state == State::kDone)) {
    head_given_ = true;
    sink_->on_head(parser_.head());
  }
  if (sink_ != nullptr && !body.empty()) sink_->on_body(body);
  if (state == State::kBroken)
    return Error{ErrorCode::kCorrupt, call_.origin.authority + ": not a whole HTTP answer: " + parser_.detail()};
  return {};
}

awaitable<Result<void>> HttpClient::Impl::Call::receive() {
  using State = HttpResponseParser::State;
  std::array<char, kReadBytes> bytes;
  while (sink_ != nullptr && parser_.state() != State::kDone) {
    ErrorOf error;
    const std::size_t got = co_await socket_.async_read_some(asio::buffer(bytes), no_throw(error));
    if (sink_ == nullptr) break;
    if (error == asio::error::eof && !timed_out_ && parser_.end() == State::kDone) break;
    if (error || timed_out_) co_return failed("broken off", error);
    bytes_came_ = true;
    Result<void> taken = take({bytes.data(), got});
    if (!taken) co_return taken;
    if (head_given_) {
      late_ = "nothing came for " + std::to_string(call_.idle_timeout_ms) + " ms";
      watchdog_.arm(paused_ ? 0 : call_.idle_timeout_ms);
    }
    while (paused_ && sink_ != nullptr) {
      wake_.expires_at(asio::steady_timer::time_point::max());
      co_await wake_.async_wait(no_throw(error));
      watchdog_.arm(call_.idle_timeout_ms);
    }
  }
  co_return Result<void>{};
}

// One try on one connection. `reuse` tells, before and after, whether a connection of before was used.
awaitable<Result<void>> HttpClient::Impl::Call::attempt(bool* reuse) {
  std::optional<tcp::socket> before = *reuse ? client_->take_kept(call_.origin.authority) : std::nullopt;
  *reuse = before.has_value();
  if (before) {
    socket_ = std::move(*before);
  } else {
    Result<void> connected = co_await connect();
    if (!connected) co_return connected;
  }
  if (sink_ == nullptr) co_return Result<void>{};
  late_ = "no answer within " + std::to_string(call_.head_timeout_ms) + " ms";
  watchdog_.arm(call_.head_timeout_ms);
  const Result<void> sent = co_await send();
  Result<void> received = co_await receive();
  early_ = early_ || !sent;  // this connection carries no other call
  co_return !sent && !received && !bytes_came_ && !timed_out_ ? sent : received;
}

awaitable<void> HttpClient::Impl::Call::run() {
  const auto self = shared_from_this();
  total_.arm(call_.total_timeout_ms);
  bool reuse = true;
  Result<void> end = co_await attempt(&reuse);
  if (!end && reuse && !bytes_came_ && !timed_out_ && sink_ != nullptr) {
    ErrorOf ignored;
    socket_.close(ignored);
    parser_ = HttpResponseParser(asked(), client_->config.header_bytes_max);
    reuse = early_ = false;
    end = co_await attempt(&reuse);
  }
  watchdog_.disarm();
  total_.disarm();
  if (early_) {
    // What was not taken of the request would hold the end back; a reset does not wait.
    ErrorOf ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    socket_.close(ignored);
  }
  if (end && sink_ != nullptr && parser_.keep_alive() && !early_)
    client_->keep(call_.origin.authority, std::move(socket_));
  client_->calls.erase(id_);
  if (sink_ != nullptr) std::exchange(sink_, nullptr)->on_end(std::move(end));
}

HttpClient::HttpClient(HttpLoop& loop, const HttpClientConfig& config) : impl_(std::make_shared<Impl>(loop, config)) {}

HttpClient::~HttpClient() {
  const auto calls = std::exchange(impl_->calls, {});
  for (const auto& [id, call] : calls) call->cancel();
  impl_->kept.clear();
}

HttpCallId HttpClient::start(HttpCall call, HttpAnswerSink& sink) {
  const HttpCallId id = impl_->next_id++;
  const auto started = std::make_shared<Impl::Call>(impl_, id, std::move(call), sink);
  impl_->calls.emplace(id, started);
  asio::co_spawn(impl_->io, started->run(), [started](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);  // a bug, or no memory: not survivable
  });
  return id;
}

void HttpClient::cancel(HttpCallId id) {
  const auto found = impl_->calls.find(id);
  if (found == impl_->calls.end()) return;
  const auto call = found->second;
  impl_->calls.erase(found);
  call->cancel();
}

void HttpClient::pause(HttpCallId id) {
  if (const auto found = impl_->calls.find(id); found != impl_->calls.end()) found->second->pause();
}

void HttpClient::resume(HttpCallId id) {
  if (const auto found = impl_->calls.find(id); found != impl_->calls.end()) found->second->resume();
}

}  // namespace cairn
