// Reads the body of a streamed chat completion as it arrives: server-sent events, each with a piece of the answer, and
// takes the time of each piece. No I/O, no clock. Bounded: an event and an answer that are too long end it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cairn {

struct ChatUsage {
  std::uint64_t prompt_tokens = 0, completion_tokens = 0;
  std::optional<std::uint64_t> cached_tokens;  // unset: the server does not say
  std::vector<std::pair<std::string, std::uint64_t>> cached_by_tier;
};

struct ChatAnswer {
  std::string text;                     // content, or reasoning content where a piece has only that
  std::vector<std::int64_t> pieces_us;  // when each piece that was not empty came; the first makes the TTFT
  std::optional<ChatUsage> usage;
  std::string finish_reason;
};

class ChatStream {
 public:
  static constexpr std::size_t kEventBytesMax = 1 << 20, kAnswerBytesMax = 16 << 20;

  // Bytes of the body, cut anywhere. An error is remembered, and what comes after it is not looked at.
  void feed(std::string_view bytes, std::int64_t now_us);
  // At the body's end. Why it is no answer: the server said so in an event, bytes that are no event stream, no [DONE],
  // no text, no usage.
  Result<ChatAnswer> finish();
  std::optional<std::int64_t> first_piece_us() const {
    return answer_.pieces_us.empty() ? std::nullopt : std::optional(answer_.pieces_us.front());
  }

 private:
  void line(std::string_view text, std::int64_t now_us);
  void event(std::int64_t now_us);
  void fail(std::string why);

  ChatAnswer answer_;
  std::string line_, data_, event_name_;
  std::string error_;
  bool has_data_ = false, after_cr_ = false, done_ = false;
};

// Why a server refused, from the body of an answer that is not 2xx: its error's message, or the body's beginning.
std::string refusal_text(int status, std::string_view body);

}  // namespace cairn
