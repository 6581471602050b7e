#include "http/request_parser.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace cairn {

namespace http = boost::beast::http;

namespace {

// "http://host/path?query" -> "/path?query": the absolute form that clients send to proxies, and that servers must
// take as well (RFC 9112, 3.2.2).
std::string_view origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!boost::beast::iequals({target.data(), std::min(scheme.size(), target.size())}, {scheme.data(), scheme.size()}))
      continue;
    target.remove_prefix(scheme.size());
    const std::size_t authority = std::min(target.find_first_of("/?"), target.size());
    return target.substr(authority);
  }
  return target;
}

}  // namespace

struct HttpRequestParser::Impl {
  explicit Impl(const HttpLimits& limits) {
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
    parser.body_limit(limits.body_bytes_max);
    parser.eager(true);
  }

  void run();
  void break_off(const boost::system::error_code& error);
  void take_head();

  http::request_parser<http::string_body> parser;
  State state = State::kHeader;
  std::string waiting;  // not yet taken by the parser
  HttpRequest request;
  bool expects_continue = false;
  std::optional<std::uint64_t> content_length;
  HttpRefusal refusal = HttpRefusal::kMalformed;
  std::string detail;
};

void HttpRequestParser::Impl::break_off(const boost::system::error_code& error) {
  state = State::kBroken;
  detail = error.message();
  if (error == http::error::header_limit) refusal = HttpRefusal::kHeaderTooLarge;
  if (error == http::error::body_limit) refusal = HttpRefusal::kBodyTooLarge;
}

void HttpRequestParser::Impl::take_head() {
  const auto& message = parser.get();
  const auto text = [&message](http::field field) {
    const auto found = message.find(field);
    return found == message.end() ? std::string() : std::string(found->value());
  };
  request.method = std::string(message.method_string());
  const std::string_view target = origin_form({message.target().data(), message.target().size()});
  const auto question = target.find('?');
  request.path = std::string(target.substr(0, question));
  if (request.path.empty()) request.path = "/";
  if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  request.authorization = text(http::field::authorization);
  request.content_type = text(http::field::content_type);
  if (const auto id = message.find("X-Request-Id"); id != message.end()) request.request_id = std::string(id->value());
  for (const auto& field : message)
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  request.keep_alive = parser.keep_alive();
  request.chunked_answers = message.version() >= 11;
  expects_continue = boost::beast::iequals(text(http::field::expect), "100-continue");
  if (const auto length = parser.content_length()) content_length = *length;
  // With any other coding the end of the body would be elsewhere than another reader thinks.
  const std::size_t codings = message.count(http::field::transfer_encoding);
  const bool chunked =
      codings == 1 && message.version() >= 11 && boost::beast::iequals(text(http::field::transfer_encoding), "chunked");
  if (codings > 0 && !chunked) {
    state = State::kBroken;
    detail = "the only transfer coding understood is chunked";
  }
  // A second authorization header could be read differently by a proxy in front of us.
  if (message.count(http::field::authorization) > 1 || message.count(http::field::host) > 1) {
    state = State::kBroken;
    detail = "a header field that may stand once stands twice";
  }
}

void HttpRequestParser::Impl::run() {
  std::size_t taken = 0;
  while (state == State::kHeader || state == State::kBody) {
    boost::system::error_code error;
    const std::size_t used =
        parser.put(boost::asio::const_buffer(waiting.data() + taken, waiting.size() - taken), error);
    taken += used;
    if (error && error != http::error::need_more) {
      break_off(error);
      break;
    }
    if (state == State::kHeader && parser.is_header_done()) {
      state = State::kBody;
      take_head();
      if (state == State::kBroken) break;
    }
    if (parser.is_done()) {
      state = State::kDone;
      request.body = std::move(parser.get().body());
      break;
    }
    if (error == http::error::need_more || used == 0 || taken == waiting.size()) break;
  }
  waiting.erase(0, taken);
}

HttpRequestParser::HttpRequestParser(const HttpLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
HttpRequestParser::~HttpRequestParser() = default;
HttpRequestParser::HttpRequestParser(HttpRequestParser&&) noexcept = default;
HttpRequestParser& HttpRequestParser::operator=(HttpRequestParser&&) noexcept = default;

HttpRequestParser::State HttpRequestParser::feed(std::string_view bytes) {
  impl_->waiting += bytes;
  if (!impl_->waiting.empty()) impl_->run();
  return impl_->state;
}

HttpRequestParser::State HttpRequestParser::state() const { return impl_->state; }
HttpRequest& HttpRequestParser::request() { return impl_->request; }
bool HttpRequestParser::expects_continue() const { return impl_->expects_continue; }
std::optional<std::uint64_t> HttpRequestParser::content_length() const { return impl_->content_length; }
std::uint64_t HttpRequestParser::buffered_bytes() const {
  return impl_->waiting.size() + impl_->parser.get().body().size() + impl_->request.body.size();
}
HttpRefusal HttpRequestParser::refusal() const { return impl_->refusal; }
const std::string& HttpRequestParser::detail() const { return impl_->detail; }
std::string HttpRequestParser::take_rest() { return std::exchange(impl_->waiting, {}); }

}  // namespace cairn
