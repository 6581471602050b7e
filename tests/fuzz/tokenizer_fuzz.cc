// No bytes crash the tokenizer or the chat templates: the first byte picks what the rest is taken for.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "text/chat_template.h"
#include "text/small_model.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace {

const cairn::Tokenizer& small() {
  static const std::unique_ptr<cairn::Tokenizer> tokenizer = cairn::make_tokenizer(cairn::small_tokenizer_json());
  return *tokenizer;
}

void encode(std::string_view text) {
  const auto ids = small().encode(text);
  CAIRN_CHECK(ids.has_value() == (cairn::utf8_valid_prefix(text) == text.size()), "only broken UTF-8 is refused");
  if (ids) CAIRN_CHECK(cairn::check_utf8(small().decode(*ids)).has_value(), "decoded text is UTF-8");
}

void render(std::string_view source) {
  const auto chat = cairn::ChatTemplate::parse(source);
  if (!chat || source.find("range") != std::string_view::npos) return;
  const auto text = chat->render({.messages = {{"user", "Hi", ""}}, .tools_json = R"([{"a": 1}])"});
  if (text) CAIRN_CHECK(text->size() <= cairn::kTemplateOutputBytesMax, "output is bounded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      encode(rest);
      break;
    case 1:
      render(rest);
      break;
    case 2:
      (void)cairn::Tokenizer::parse({.tokenizer_json = std::string(rest)});
      break;
    default:
      (void)cairn::Tokenizer::parse({cairn::small_tokenizer_json().dump(), std::string(rest), "", ""});
  }
  return 0;
}
