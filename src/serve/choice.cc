#include "serve/choice.h"

namespace cairn {

Choice::Choice(const Tokenizer& tokenizer, const CompletionRequest& request, std::size_t index)
    : tokenizer_(tokenizer),
      detokenizer_(tokenizer, DecodeOptions{request.skip_special_tokens}),
      stops_(request.stops, request.keep_stop),
      wants_logprobs_(request.sampling.logprobs >= 0),
      wants_ids_(request.return_token_ids) {
  body_.index = index;
  body_.first = true;
}

void Choice::record(const Token& token) {
  if (wants_ids_) body_.token_ids.push_back(token.id);
  if (!wants_logprobs_) return;
  LogprobEntry entry;
  entry.token = {std::string(tokenizer_.token_bytes(token.id)), token.logprob};
  for (const TokenLogprob& top : token.top) {
    entry.top.push_back({std::string(tokenizer_.token_bytes(top.token)), top.logprob});
  }
  if (body_.logprobs.empty()) body_.text_offset = offset_;
  offset_ += code_points(entry.token.bytes);
  body_.logprobs.push_back(std::move(entry));
}

bool Choice::push(const Token& token) {
  if (finished()) return false;
  ++tokens_;
  record(token);
  StopFilter::Piece piece = stops_.push(detokenizer_.push(token.id));
  body_.text += piece.text;
  if (!piece.stopped) return true;
  body_.finish_reason = "stop";
  body_.stop_reason = stops_.matched();
  return false;
}

void Choice::finish(const std::string& reason) {
  if (finished()) return;
  body_.finish_reason = reason;
  const StopFilter::Piece piece = stops_.push(detokenizer_.finish());
  body_.text += piece.text;
  if (piece.stopped) {
    body_.finish_reason = "stop";
    body_.stop_reason = stops_.matched();
  } else {
    body_.text += stops_.finish();
  }
}

ChoiceBody Choice::take() {
  finished_ = finished();
  ChoiceBody taken = std::move(body_);
  body_ = {};
  body_.index = taken.index;
  return taken;
}

}  // namespace cairn
