#include "text/added_tokens.h"

#include <algorithm>

#include "base/check.h"
#include "text/unicode.h"

namespace cairn {
namespace {

bool word_before(std::string_view text, std::size_t offset) {
  return offset > 0 && is_word(utf8_previous(text, offset));
}
bool word_after(std::string_view text, std::size_t offset) {
  return offset < text.size() && is_word(utf8_next(text, offset));
}

std::size_t spaces_before(std::string_view text, std::size_t offset) {
  while (offset > 0) {
    std::size_t before = offset;
    if (!is_white_space(utf8_previous(text, before))) break;
    offset = before;
  }
  return offset;
}
std::size_t spaces_after(std::string_view text, std::size_t offset) {
  while (offset < text.size()) {
    std::size_t after = offset;
    if (!is_white_space(utf8_next(text, after))) break;
    offset = after;
  }
  return offset;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher() : roots_(256, -1) {}

std::int32_t AddedTokenMatcher::child(std::int32_t node, unsigned char byte) const {
  std::int32_t at = nodes_[static_cast<std::size_t>(node)].child;
  while (at >= 0 && nodes_[static_cast<std::size_t>(at)].byte != byte)
    at = nodes_[static_cast<std::size_t>(at)].sibling;
  return at;
}

void AddedTokenMatcher::add(const AddedToken& token, std::string_view content) {
  CAIRN_CHECK(!content.empty(), "an added token without content");
  const auto number = static_cast<std::int32_t>(tokens_.size());
  tokens_.push_back(token);
  std::int32_t& root = roots_[static_cast<unsigned char>(content.front())];
  if (root < 0) {
    root = static_cast<std::int32_t>(nodes_.size());
    nodes_.push_back({});
  }
  std::int32_t at = root;
  for (const char c : content.substr(1)) {
    const auto byte = static_cast<unsigned char>(c);
    std::int32_t next = child(at, byte);
    if (next < 0) {
      next = static_cast<std::int32_t>(nodes_.size());
      nodes_.push_back({.sibling = nodes_[static_cast<std::size_t>(at)].child, .byte = byte});
      nodes_[static_cast<std::size_t>(at)].child = next;
    }
    at = next;
  }
  nodes_[static_cast<std::size_t>(at)].token = number;
}

AddedTokenMatcher::Match AddedTokenMatcher::longest(std::string_view text) const {
  Match match;
  std::int32_t at = roots_[static_cast<unsigned char>(text.front())];
  for (std::size_t i = 1; at >= 0; ++i) {
    if (const std::int32_t token = nodes_[static_cast<std::size_t>(at)].token; token >= 0) match = {token, i};
    if (i >= text.size()) break;
    at = child(at, static_cast<unsigned char>(text[i]));
  }
  return match;
}

void AddedTokenMatcher::split(std::string_view text, bool skip_special, std::vector<TextRun>& runs) const {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !empty();) {
    const Match match = longest(text.substr(at));
    if (match.token < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(match.token)];
    std::size_t begin = at, end = at + match.bytes;
    at = end;
    if (skip_special && token.special) continue;
    if (token.single_word && (word_before(text, begin) || word_after(text, end))) continue;
    if (begin < done) continue;
    if (token.left_strip) begin = std::max(spaces_before(text, begin), done);
    if (token.right_strip) end = spaces_after(text, end);
    if (begin > done) runs.push_back({text.substr(done, begin - done), std::nullopt});
    runs.push_back({text.substr(begin, end - begin), token.id});
    done = end;
    at = std::max(at, done);
  }
  if (done < text.size()) runs.push_back({text.substr(done), std::nullopt});
}

}  // namespace cairn
