#include "http/response_parser.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>

namespace cairn {
namespace {

namespace http = boost::beast::http;
using ErrorOf = boost::system::error_code;
using Text = boost::beast::string_view;

std::string_view view(Text text) { return {text.data(), text.size()}; }

// Collects the header; hands the body on as it comes.
class AnswerParser final : public http::basic_parser<false> {
 public:
  HttpAnswerHead head;
  const std::function<void(std::string_view)>* body = nullptr;  // set while bytes are fed
  std::size_t codings = 0, lengths = 0;

 private:
  // Beast's names for its hooks.
  void on_request_impl(http::verb, Text, Text, int, ErrorOf&) override {}
  void on_response_impl(int code, Text, int, ErrorOf&) override { head.status = code; }
  void on_field_impl(http::field field, Text name, Text value, ErrorOf&) override {
    if (whole_) return;  // a trailer: nobody asked for it
    codings += field == http::field::transfer_encoding ? 1 : 0;
    lengths += field == http::field::content_length ? 1 : 0;
    head.headers.emplace_back(std::string(view(name)), std::string(view(value)));
  }
  void on_header_impl(ErrorOf&) override {
    whole_ = true;
    if (const auto length = content_length()) head.body_bytes = *length;
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorOf&) override {}
  std::size_t on_body_impl(Text bytes, ErrorOf&) override {
    (*body)(view(bytes));
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, ErrorOf&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, ErrorOf&) override {
    (*body)(view(bytes));
    return bytes.size();
  }
  void on_finish_impl(ErrorOf&) override {}
  bool whole_ = false;  // the header
};

}  // namespace

struct HttpResponseParser::Impl {
  Impl(AskedFor what, std::uint32_t header_max) : asked(what), header_bytes_max(header_max) { renew(); }
  void renew() {
    parser = std::make_unique<AnswerParser>();
    parser->header_limit(header_bytes_max);
    parser->body_limit(std::numeric_limits<std::uint64_t>::max());  // it goes on as it comes
    parser->skip(asked == AskedFor::kHeadOnly);
    parser->body = body;
  }
  void break_off(std::string why) {
    state = State::kBroken;
    detail = std::move(why);
  }
  void run();
  void head_is_whole();

  const AskedFor asked;
  const std::uint32_t header_bytes_max;
  std::unique_ptr<AnswerParser> parser;
  const std::function<void(std::string_view)>* body = nullptr;  // of feed(), while it runs
  std::string waiting;                                          // not yet taken by the parser
  State state = State::kHead;
  std::string detail;
};

void HttpResponseParser::Impl::head_is_whole() {
  const int status = parser->head.status;
  if (status == 101) return break_off("it switched protocols unasked");
  // Where such an answer ends, two readers could disagree.
  if (parser->codings > 1 || parser->lengths > 1 || (parser->codings == 1 && parser->lengths == 1))
    return break_off("two fields say where its body ends");
  if (parser->codings == 1 && !parser->chunked()) return break_off("its transfer coding is not chunked");
  state = State::kBody;
}

void HttpResponseParser::Impl::run() {
  std::size_t taken = 0;
  while (state == State::kHead || state == State::kBody) {
    if (state == State::kBody && parser->is_done()) {
      state = State::kDone;
      break;
    }
    ErrorOf error;
    const std::size_t used =
        parser->put(boost::asio::const_buffer(waiting.data() + taken, waiting.size() - taken), error);
    taken += used;
    if (error && error != http::error::need_more) {
      break_off(error.message());
    } else if (state == State::kHead && parser->is_header_done()) {
      const int status = parser->head.status;
      const bool interim = status >= 100 && status < 200 && status != 101;
      interim ? renew() : head_is_whole();
    } else if (error || (used == 0 && !parser->is_done())) {
      break;
    }
  }
  waiting.erase(0, taken);
  if (state == State::kDone && !waiting.empty()) break_off("bytes follow its end");
}

HttpResponseParser::HttpResponseParser(AskedFor asked, std::uint32_t header_bytes_max)
    : impl_(std::make_unique<Impl>(asked, header_bytes_max)) {}
HttpResponseParser::~HttpResponseParser() = default;
HttpResponseParser::HttpResponseParser(HttpResponseParser&&) noexcept = default;
HttpResponseParser& HttpResponseParser::operator=(HttpResponseParser&&) noexcept = default;

HttpResponseParser::State HttpResponseParser::feed(std::string_view bytes,
                                                   const std::function<void(std::string_view)>& body) {
  impl_->body = impl_->parser->body = &body;
  impl_->waiting += bytes;
  impl_->run();
  return impl_->state;
}

HttpResponseParser::State HttpResponseParser::end() {
  Impl& now = *impl_;
  if (now.state == State::kBody && now.parser->need_eof()) now.state = State::kDone;
  if (now.state != State::kDone && now.state != State::kBroken) now.break_off("the connection ended inside it");
  return now.state;
}

HttpResponseParser::State HttpResponseParser::state() const { return impl_->state; }
const HttpAnswerHead& HttpResponseParser::head() const { return impl_->parser->head; }
bool HttpResponseParser::keep_alive() const { return impl_->parser->keep_alive(); }
const std::string& HttpResponseParser::detail() const { return impl_->detail; }

}  // namespace cairn
