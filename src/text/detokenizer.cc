#include "text/detokenizer.h"

#include "text/unicode.h"

namespace cairn {
namespace {
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
}

void take_decided_utf8(std::string& pending, std::string& out) {
  std::size_t offset = 0;
  while (offset < pending.size()) {
    const Utf8Step step = utf8_step(std::string_view(pending).substr(offset, kUtf8BytesMax));
    if (step.kind == Utf8Step::Kind::kPartial) break;
    if (step.kind == Utf8Step::Kind::kComplete) {
      out.append(pending, offset, step.bytes);
    } else {
      out += kReplacement;
    }
    offset += step.bytes;
  }
  pending.erase(0, offset);
}

Detokenizer::Detokenizer(const Tokenizer& tokenizer, const DecodeOptions& options)
    : tokenizer_(&tokenizer), options_(options) {}

std::string Detokenizer::push(TokenId id) {
  std::string out;
  if (options_.skip_special && tokenizer_->is_special(id)) return out;
  pending_ += tokenizer_->token_bytes(id);
  take_decided_utf8(pending_, out);
  return out;
}

std::string Detokenizer::finish() {
  std::string out;
  if (!pending_.empty()) out = kReplacement;
  pending_.clear();
  return out;
}

}  // namespace cairn
