#include "http/connection.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <string>

#include "http/request_parser.h"
#include "http/watchdog.h"

namespace cairn {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using ErrorOf = boost::system::error_code;

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kEarlyBytesMax = 64 * 1024;     // of a pipelined next request
constexpr std::uint64_t kSmallBodyBytes = 64 * 1024;  // a refused request's body that is read to keep the connection
constexpr std::string_view kEventComment = ":\n\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::uint32_t kLingerMs = 2000;
constexpr std::uint64_t kLingerBytesMax = 32u << 20;

std::string chunk_of(std::string_view bytes) {
  char size[20];
  const int digits = std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  std::string frame(size, static_cast<std::size_t>(digits));
  frame += bytes;
  return frame + "\r\n";
}

class Connection;

// The exchange of one request. Outlives its connection when the service keeps it; then everything is dropped.
class Exchange final : public HttpExchange {
 public:
  Exchange(Connection& connection, HttpRequest request, std::uint64_t pending_bytes_max)
      : connection_(&connection), request_(std::move(request)), pending_bytes_max_(pending_bytes_max) {}
  const HttpRequest& request() const override { return request_; }
  void respond(HttpResponse response) override;
  void begin_stream(HttpStreamHead head) override;
  void write(std::string_view bytes) override;
  void end_stream() override;
  void abort_stream() override;
  std::size_t waiting_bytes() const override { return body_.size(); }

 private:
  friend class Connection;
  bool is_open() const { return connection_ != nullptr && !ended_ && !overflowed_; }
  void wake();
  Connection* connection_;  // null once the connection is gone
  const HttpRequest request_;
  const std::uint64_t pending_bytes_max_;
  std::string pending_;  // ready to send
  std::string body_;     // of a stream: waits for its chunk frame, so that events coalesce into one chunk a write
  bool begun_ = false, ended_ = false, chunked_ = false, close_ = false, aborted_ = false, overflowed_ = false;
  bool events_ = false, between_events_ = false;  // a comment may stand here
};

class Connection final : public HttpConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket, ConnectionShared& shared);
  // Ends when the connection is closed. Holds itself alive.
  asio::awaitable<void> run();
  void stop() override;
  void finish() override;
  void cut(GoneReason reason) override;
  bool answering() const override { return answering_; }

 private:
  friend class Exchange;
  using Timer = asio::steady_timer;
  asio::awaitable<bool> read_request();                 // false: close
  asio::awaitable<bool> read_some();                    // into the parser; false: closed or timed out
  asio::awaitable<void> refuse(HttpResponse response);  // answers and closes after a moment of reading on
  asio::awaitable<bool> answer();                       // false: close
  asio::awaitable<bool> send(std::string_view bytes);
  asio::awaitable<bool> send_patiently(std::string_view bytes);
  void late();
  void watch();  // for the end of the client while its answer is made
  void watched();
  void half_closed();
  void gone(GoneReason reason);
  void overflow();
  void count_body();

  asio::ip::tcp::socket socket_;
  ConnectionShared& shared_;
  Watchdog watchdog_;
  Timer wake_;
  std::uint64_t watch_round_ = 0;
  HttpRequestParser parser_;
  std::string early_;  // bytes of a next request that came while answering
  std::shared_ptr<Exchange> exchange_;
  std::uint64_t counted_bytes_ = 0;
  bool answering_ = false, timed_out_ = false, closed_ = false;
};

void Exchange::wake() { connection_->wake_.cancel(); }

void Exchange::respond(HttpResponse response) {
  if (!is_open() || begun_) return;
  begun_ = ended_ = true;
  close_ = !request_.keep_alive || connection_->shared_.stopping;
  const bool keep_10 = !request_.chunked_answers && !close_;
  pending_ += format_head({response.status, response.content_type, response.body.size(), false, close_, keep_10},
                          response.headers);
  if (request_.method != "HEAD") pending_ += response.body;
  wake();
}

void Exchange::begin_stream(HttpStreamHead head) {
  if (!is_open() || begun_) return;
  begun_ = true;
  const bool bare = head.status == 204 || head.status == 304;  // such an answer has no body, nor its framing
  chunked_ = request_.chunked_answers && !head.body_bytes && !bare;
  const bool ends_by_closing = !chunked_ && !head.body_bytes && !bare;
  close_ = ends_by_closing || !request_.keep_alive || connection_->shared_.stopping;
  const bool keep_10 = !request_.chunked_answers && !close_;
  pending_ +=
      format_head({head.status, "", bare ? std::nullopt : head.body_bytes, chunked_, close_, keep_10}, head.headers);
  between_events_ = header_of(head.headers, "content-type").starts_with("text/event-stream");
  events_ = between_events_;
  wake();
}

void Exchange::write(std::string_view bytes) {
  if (!is_open() || bytes.empty()) return;
  if (body_.size() + bytes.size() > pending_bytes_max_) {
    overflowed_ = true;  // what follows must not close the gap
    return connection_->overflow();
  }
  body_ += bytes;
  // What passes through may be cut anywhere; "\n\n" cut in two is seen as no end, which is safe.
  between_events_ = events_ && bytes.ends_with("\n\n");
  wake();
}

void Exchange::end_stream() {
  if (!is_open()) return;
  ended_ = true;
  wake();
}

void Exchange::abort_stream() {
  aborted_ = close_ = true;
  end_stream();
}

Connection::Connection(asio::ip::tcp::socket socket, ConnectionShared& shared)
    : socket_(std::move(socket)),
      shared_(shared),
      watchdog_(shared.loop, [this] { late(); }),
      wake_(socket_.get_executor()),
      parser_({shared.config.header_bytes_max, shared.config.body_bytes_max}) {
  wake_.expires_at(Timer::time_point::max());
}

void Connection::late() {
  timed_out_ = true;
  if (answering_) return cut(GoneReason::kSlowReader);
  ErrorOf ignored;
  socket_.cancel(ignored);
}

// Later: an exchange never calls its owner back from within a call of his.
void Connection::overflow() {
  asio::post(socket_.get_executor(), [self = shared_from_this(), round = watch_round_] {
    if (round == self->watch_round_) self->cut(GoneReason::kSlowReader);
  });
}

void Connection::gone(GoneReason reason) {
  const auto exchange = std::exchange(exchange_, nullptr);
  if (!exchange) return;
  const bool complete = exchange->ended_;
  exchange->connection_ = nullptr;
  if (!complete && exchange->on_gone) {
    const auto told = std::exchange(exchange->on_gone, nullptr);
    told(reason);
  }
}

void Connection::cut(GoneReason reason) {
  if (closed_) return;
  closed_ = true;
  ErrorOf ignored;
  socket_.close(ignored);
  wake_.cancel();
  watchdog_.disarm();
  gone(reason);
}

void Connection::stop() {
  if (!answering_) cut(GoneReason::kStopping);
}

void Connection::finish() {
  const auto exchange = exchange_;
  if (!answering_ || !exchange) return cut(GoneReason::kStopping);
  exchange->close_ = true;
  if (exchange->ended_ || !exchange->on_gone) return;
  const auto told = std::exchange(exchange->on_gone, nullptr);
  told(GoneReason::kStopping);
  if (!exchange->ended_) cut(GoneReason::kStopping);
}

void Connection::count_body() {
  const std::uint64_t now = parser_.state() == HttpRequestParser::State::kBody ? parser_.buffered_bytes() : 0;
  shared_.body_bytes += now - counted_bytes_;
  counted_bytes_ = now;
}

awaitable<bool> Connection::read_some() {
  std::array<char, kReadBytes> bytes;
  ErrorOf error;
  const std::size_t got =
      co_await socket_.async_read_some(asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, error));
  if (error || closed_) co_return false;
  parser_.feed({bytes.data(), got});
  count_body();
  co_return true;
}

awaitable<bool> Connection::read_request() {
  using State = HttpRequestParser::State;
  const HttpConfig& config = shared_.config;
  timed_out_ = false;
  std::string early = std::exchange(early_, {});
  parser_ = HttpRequestParser({config.header_bytes_max, config.body_bytes_max});
  bool begun = !early.empty();
  watchdog_.arm(begun ? config.header_timeout_ms : config.idle_timeout_ms);
  if (begun) parser_.feed(early);
  while (parser_.state() == State::kHeader) {
    const bool read = co_await read_some();
    if (!read && timed_out_ && begun)
      co_await refuse(shared_.service.refuse(HttpRefusal::kTimeout, "the header took too long"));
    if (!read) co_return false;
    if (!begun) watchdog_.arm(config.header_timeout_ms);
    begun = true;
  }
  std::optional<HttpResponse> refusal;
  if (parser_.state() != State::kBroken) {
    parser_.request().received_us = shared_.clock.now_us();
    refusal = shared_.service.admit(parser_.request());
    const bool small = parser_.state() == State::kDone || parser_.content_length().value_or(~0ull) <= kSmallBodyBytes;
    if (refusal && (!small || parser_.expects_continue())) {
      co_await refuse(std::move(*refusal));
      co_return false;
    }
    if (parser_.state() == State::kBody && parser_.expects_continue()) {
      const bool sent = co_await send(kContinue);
      if (!sent) co_return false;
    }
    watchdog_.arm(config.body_timeout_ms);
  }
  while (parser_.state() == State::kBody) {
    const bool read = co_await read_some();
    if (!read && timed_out_) co_await refuse(shared_.service.refuse(HttpRefusal::kTimeout, "the body took too long"));
    if (!read) co_return false;
    if (shared_.body_bytes > config.body_bytes_total_max) {
      co_await refuse(shared_.service.refuse(HttpRefusal::kBodyMemory, ""));
      co_return false;
    }
  }
  watchdog_.disarm();
  count_body();
  if (parser_.state() == State::kBroken) {
    co_await refuse(shared_.service.refuse(parser_.refusal(), parser_.detail()));
    co_return false;
  }
  early_ = parser_.take_rest();
  exchange_ = std::make_shared<Exchange>(*this, std::move(parser_.request()), config.stream_pending_bytes_max);
  if (refusal) exchange_->respond(std::move(*refusal));
  co_return true;
}

awaitable<bool> Connection::send(std::string_view bytes) {
  ErrorOf error;
  co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                             asio::redirect_error(asio::use_awaitable, error));
  co_return !error && !closed_;
}

// As long as the client takes something now and then.
awaitable<bool> Connection::send_patiently(std::string_view bytes) {
  ErrorOf error;
  while (!bytes.empty() && !error && !closed_) {
    watchdog_.arm(shared_.config.write_timeout_ms);
    bytes.remove_prefix(co_await socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()),
                                                          asio::redirect_error(asio::use_awaitable, error)));
  }
  co_return !error && !closed_;
}

// The client may still be sending: closing now would reset the connection and take our answer with it. So the rest is
// read and thrown away for a moment.
awaitable<void> Connection::refuse(HttpResponse response) {
  watchdog_.arm(kLingerMs);
  parser_ = HttpRequestParser({});  // its bytes go back now, not when the client has gone
  count_body();
  std::string bytes =
      format_head({response.status, response.content_type, response.body.size(), false, true, false}, response.headers);
  bytes += response.body;
  const bool sent = co_await send(bytes);
  if (!sent) co_return;
  ErrorOf error;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  std::array<char, kReadBytes> rest;
  std::uint64_t thrown = 0;
  while (!error && !closed_ && thrown < kLingerBytesMax) {
    thrown += co_await socket_.async_read_some(asio::buffer(rest), asio::redirect_error(asio::use_awaitable, error));
  }
}

void Connection::watch() {
  const std::uint64_t round = ++watch_round_;
  socket_.async_wait(asio::ip::tcp::socket::wait_read, [self = shared_from_this(), round](const ErrorOf& error) {
    if (error || round != self->watch_round_ || self->closed_) return;
    self->watched();
  });
}

void Connection::watched() {
  std::array<char, 4096> bytes;
  const ssize_t got = ::recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got > 0) {
    early_.append(bytes.data(), static_cast<std::size_t>(got));
    if (early_.size() > kEarlyBytesMax) return;  // no more is read; a write will tell when the client leaves
    return watch();
  }
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return watch();
  if (got == 0) return half_closed();
  cut(GoneReason::kClosed);
}

// The client sends nothing more. It may still read, or be gone: both look the same until it gets a byte, which one
// that is gone answers with a reset. So it gets one that means nothing: a comment in a stream of events, an interim
// answer before any other.
void Connection::half_closed() {
  const auto exchange = exchange_;
  if (!exchange || exchange->ended_) return;
  socket_.async_wait(asio::ip::tcp::socket::wait_error,
                     [self = shared_from_this(), round = watch_round_](const ErrorOf& error) {
                       if (error || round != self->watch_round_ || self->closed_) return;
                       self->cut(GoneReason::kClosed);
                     });
  if (exchange->between_events_) return exchange->write(kEventComment);
  if (exchange->begun_ || !exchange->request_.chunked_answers) return;  // HTTP/1.0 knows no interim answers
  exchange->pending_ += kContinue;
  exchange->wake();
}

awaitable<bool> Connection::answer() {
  answering_ = true;
  watch();
  const auto exchange = exchange_;
  if (!exchange->ended_) shared_.service.handle(exchange);
  std::string sending;
  while (!closed_) {
    sending = std::exchange(exchange->pending_, {});
    const std::string body = std::exchange(exchange->body_, {});
    if (!body.empty()) sending += exchange->chunked_ ? chunk_of(body) : body;
    if (!body.empty() && exchange->on_taken) exchange->on_taken();
    const bool last = exchange->ended_;
    if (last && exchange->chunked_ && !exchange->aborted_) sending += "0\r\n\r\n";
    if (sending.empty() && !last) {
      ErrorOf woken;
      wake_.expires_at(Timer::time_point::max());
      co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      continue;
    }
    const bool sent = co_await send_patiently(sending);
    watchdog_.disarm();
    if (!sent) cut(GoneReason::kClosed);
    if (last) break;
  }
  ++watch_round_;
  answering_ = false;
  const bool keep = !closed_ && !exchange->close_ && !shared_.stopping;
  gone(GoneReason::kClosed);
  if (keep) {
    ErrorOf ignored;
    socket_.cancel(ignored);  // ends the watch
  }
  co_return keep;
}

awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  ErrorOf ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  for (bool first = true; !closed_ && (first || !shared_.stopping); first = false) {
    const bool whole = co_await read_request();
    if (!whole) break;
    const bool keep = co_await answer();
    if (!keep) break;
  }
  parser_ = HttpRequestParser({});
  count_body();
  closed_ = true;
  watchdog_.disarm();
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

}  // namespace

std::shared_ptr<HttpConnection> HttpConnection::start(
    AcceptedSocket socket, ConnectionShared& shared,
    std::function<void(const std::shared_ptr<HttpConnection>&)> closed) {
  const auto protocol = socket.v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
  auto connection =
      std::make_shared<Connection>(asio::ip::tcp::socket(shared.loop.io(), protocol, socket.descriptor), shared);
  asio::co_spawn(shared.loop.io(), connection->run(),
                 [connection, closed = std::move(closed)](std::exception_ptr failure) {
                   if (failure) std::rethrow_exception(failure);  // a bug, or no memory: not survivable
                   closed(connection);
                 });
  return connection;
}

}  // namespace cairn
