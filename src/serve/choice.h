// One choice of an answer while its tokens arrive: text without split code points and without stop strings, and the
// log-probabilities that belong to it. I/O thread; no sockets, no clock.
#pragma once

#include <string>
#include <vector>

#include "api/generator.h"
#include "serve/completion_request.h"
#include "serve/response_json.h"
#include "serve/stop_filter.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace cairn {

class Choice {
 public:
  Choice(const Tokenizer& tokenizer, const CompletionRequest& request, std::size_t index);  // tokenizer: borrowed

  // Takes a token. False: a stop string is complete; later tokens are ignored.
  bool push(const Token& token);
  // The end came by itself: what was held back is text now.
  void finish(const std::string& reason);

  // What is new since the last take: text that may leave, and everything that belongs to it.
  ChoiceBody take();
  bool has_news() const { return !body_.text.empty() || !body_.finish_reason.empty(); }
  bool finished() const { return !body_.finish_reason.empty() || finished_; }
  std::uint64_t tokens() const { return tokens_; }

 private:
  void record(const Token& token);

  const Tokenizer& tokenizer_;
  Detokenizer detokenizer_;
  StopFilter stops_;
  bool wants_logprobs_, wants_ids_;
  ChoiceBody body_;  // not yet taken
  std::uint64_t tokens_ = 0, offset_ = 0;
  bool finished_ = false;
};

}  // namespace cairn
