// Token ids -> text while they arrive: only whole code points leave, and their sum equals Tokenizer::decode of all ids.
#pragma once

#include <string>

#include "base/ids.h"
#include "text/tokenizer.h"

namespace cairn {

// One per generated sequence; one thread at a time. Holds at most three pending bytes.
class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer, const DecodeOptions& options = {});  // borrowed
  // The text that `id` completes; often empty in the middle of a code point.
  std::string push(TokenId id);
  // What is left at the end: U+FFFD if a code point stayed incomplete. Ready for a new sequence afterwards.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  DecodeOptions options_;
  std::string pending_;
};

// Moves all decided text from the front of `pending` to `out`: whole code points, U+FFFD for broken ones.
void take_decided_utf8(std::string& pending, std::string& out);

}  // namespace cairn
