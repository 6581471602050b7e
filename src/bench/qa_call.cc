#include "bench/qa_call.h"

#include <algorithm>
#include <utility>

namespace cairn {
namespace {

constexpr std::size_t kRefusalBytesMax = 64 * 1024, kPageBytesMax = 16 << 20;

bool is_good(int status) { return status >= 200 && status < 300; }

void append(std::string& text, std::string_view bytes, std::size_t bytes_max) {
  text += bytes.substr(0, bytes_max - std::min(text.size(), bytes_max));
}

}  // namespace

void ChatCall::start(HttpCall call, Done done) {
  done_ = std::move(done);
  id_ = client_.start(std::move(call), *this);
}

void ChatCall::on_body(std::string_view bytes) {
  if (is_good(status_)) {
    stream_.feed(bytes, clock_.now_us());
  } else {
    append(refusal_, bytes, kRefusalBytesMax);
  }
}

void ChatCall::on_end(Result<void> end) {
  if (status_ != 0 && !is_good(status_)) return done_(unavailable(refusal_text(status_, refusal_)));
  if (!end) return done_(end.error());
  done_(stream_.finish());
}

void PageCall::start(HttpClient& client, HttpCall call, Done done) {
  done_ = std::move(done);
  client.start(std::move(call), *this);
}

void PageCall::on_body(std::string_view bytes) { append(page_, bytes, kPageBytesMax); }

void PageCall::on_end(Result<void> end) {
  if (!end) return done_(end.error());
  if (!is_good(status_)) return done_(unavailable(refusal_text(status_, page_)));
  done_(std::move(page_));
}

}  // namespace cairn
