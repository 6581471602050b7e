// Tokens that are cut out of the text before byte-pair encoding sees it: control tokens and additions to a vocabulary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace cairn {

inline constexpr std::size_t kAddedTokenBytesMax = 1024;
inline constexpr std::size_t kAddedTokensMax = 65'536;

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;      // a control token: left out of decoded text, or taken as plain text, when asked for
  bool single_word = false;  // only where no word character touches it
  bool left_strip = false;   // swallows white space before it
  bool right_strip = false;  // swallows white space after it
  bool normalized = false;   // looked for after normalization, not before
};

// A run of text: either one added token or text between them.
struct TextRun {
  std::string_view text;
  std::optional<TokenId> token;
};

// Finds the leftmost, longest of a set of added tokens. Immutable after add(); split() from any thread.
class AddedTokenMatcher {
 public:
  AddedTokenMatcher();
  void add(const AddedToken& token, std::string_view content);  // `content` as it is looked for
  bool empty() const { return tokens_.empty(); }
  // Appends the runs of `text` (well-formed UTF-8) in order. With `skip_special`, control tokens count as text.
  void split(std::string_view text, bool skip_special, std::vector<TextRun>& runs) const;

 private:
  struct Node {
    std::int32_t child = -1, sibling = -1, token = -1;
    unsigned char byte = 0;
  };
  struct Match {
    std::int32_t token = -1;
    std::size_t bytes = 0;
  };
  std::int32_t child(std::int32_t node, unsigned char byte) const;
  Match longest(std::string_view text) const;

  std::vector<Node> nodes_;
  std::vector<AddedToken> tokens_;
  std::vector<std::int32_t> roots_;  // by first byte, -1: none
};

}  // namespace cairn
