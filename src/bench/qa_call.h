// One HTTP call of a load test: sends it, reads the answer with the times of its pieces, reports the end once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "bench/chat_stream.h"
#include "http/client.h"

namespace cairn {

// Loop thread. Lives until `done` was called, or cancel(); may not be destroyed within `done`.
class ChatCall final : public HttpAnswerSink {
 public:
  using Done = std::function<void(Result<ChatAnswer> answer)>;
  ChatCall(HttpClient& client, const Clock& clock) : client_(client), clock_(clock) {}

  void start(HttpCall call, Done done);
  void cancel() { client_.cancel(id_); }
  std::optional<std::int64_t> first_piece_us() const { return stream_.first_piece_us(); }

  void on_head(const HttpAnswerHead& head) override { status_ = head.status; }
  void on_body(std::string_view bytes) override;
  void on_end(Result<void> end) override;

 private:
  HttpClient& client_;
  const Clock& clock_;
  HttpCallId id_ = 0;
  Done done_;
  int status_ = 0;
  ChatStream stream_;
  std::string refusal_;
};

// A page as text; same rules.
class PageCall final : public HttpAnswerSink {
 public:
  using Done = std::function<void(Result<std::string> page)>;
  void start(HttpClient& client, HttpCall call, Done done);

  void on_head(const HttpAnswerHead& head) override { status_ = head.status; }
  void on_body(std::string_view bytes) override;
  void on_end(Result<void> end) override;

 private:
  Done done_;
  int status_ = 0;
  std::string page_;
};

}  // namespace cairn
