// Whatever a server sends, its answer is whole or broken, and the same however its bytes are cut. The first byte picks
// the cuts and what was asked for.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/origin.h"
#include "http/response_parser.h"

namespace cairn {
namespace {

using State = HttpResponseParser::State;

struct Parsed {
  State state = State::kHead;
  std::string body;
  HttpAnswerHead head;
};

Parsed parse(std::string_view bytes, std::size_t piece, HttpResponseParser::AskedFor asked) {
  HttpResponseParser parser(asked, 1024);
  Parsed parsed;
  while (!bytes.empty() && parser.state() != State::kBroken) {
    const std::string_view now = bytes.substr(0, piece);
    parser.feed(now, [&](std::string_view part) { parsed.body += part; });
    bytes.remove_prefix(now.size());
  }
  parsed.state = parser.end();
  if (parsed.state == State::kDone) parsed.head = parser.head();
  return parsed;
}

void check(std::string_view bytes, std::uint8_t choice) {
  const auto asked = (choice & 1) != 0 ? HttpResponseParser::AskedFor::kHeadOnly : HttpResponseParser::AskedFor::kBody;
  const Parsed whole = parse(bytes, bytes.size() + 1, asked);
  const Parsed pieces = parse(bytes, 1 + (choice >> 1), asked);
  CAIRN_CHECK(whole.state == pieces.state, "an answer is whole or broken, however it is cut");
  if (whole.state != State::kDone) return;
  CAIRN_CHECK(whole.body == pieces.body && whole.head.headers == pieces.head.headers, "the same answer");
  CAIRN_CHECK(whole.head.status >= 100 && whole.head.status <= 999, "a status");
  const bool bare = asked == HttpResponseParser::AskedFor::kHeadOnly || whole.head.status == 204 ||
                    whole.head.status == 304;  // may tell of a body that it has not
  CAIRN_CHECK(bare || !whole.head.body_bytes || whole.head.body_bytes == whole.body.size(), "as long as it said");
}

}  // namespace
}  // namespace cairn

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  cairn::check(text, bytes[0]);
  const auto origin = cairn::parse_origin("http://" + std::string(text));
  if (origin) CAIRN_CHECK(!origin->host.empty() && origin->port != 0, "an origin can be reached");
  return 0;
}
