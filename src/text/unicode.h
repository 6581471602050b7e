// UTF-8 and the few Unicode properties that tokenizers and templates need. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cairn {

inline constexpr std::size_t kUtf8BytesMax = 4;  // bytes of one code point

// Offset of the first byte that is not part of well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF);
// text.size() if all of it is well-formed.
std::size_t utf8_valid_prefix(std::string_view text);

// kInvalid with the byte offset unless `text` is well-formed.
Result<void> check_utf8(std::string_view text);

// One code point of well-formed text at `offset`, which is moved behind it.
char32_t utf8_next(std::string_view text, std::size_t& offset);
// The code point that ends right before `offset` (> 0), which is moved to its first byte.
char32_t utf8_previous(std::string_view text, std::size_t& offset);
void utf8_append(std::string& to, char32_t code_point);
std::size_t utf8_count(std::string_view text);  // code points of well-formed text

// What one look at the head of a byte string says.
struct Utf8Step {
  enum class Kind : std::uint8_t { kComplete, kBroken, kPartial };
  Kind kind;  // a whole code point; bytes that no continuation can repair; a beginning that more bytes may finish
  std::size_t bytes;  // how many bytes it covers: for kBroken the maximal subpart that one U+FFFD replaces
};
// `bytes` is not empty.
Utf8Step utf8_step(std::string_view bytes);

bool is_white_space(char32_t code_point);  // Unicode White_Space
bool is_word(char32_t code_point);         // letters, marks, decimal digits, letter numbers, connectors
bool is_printable(char32_t code_point);    // neither control, format, unassigned, private nor separator (space is)
char32_t to_upper(char32_t code_point);    // simple case mapping
char32_t to_lower(char32_t code_point);
bool is_cased(char32_t code_point);

// Normalization form C of well-formed text, in O(n log n) whatever the run of combining marks.
std::string to_nfc(std::string_view text);

}  // namespace cairn
