// Text from outside: what a URL escapes, and what a terminal must not get. Values; any thread.
#pragma once

#include <string>
#include <string_view>

namespace cairn {

// RFC 3986: letters, digits and "-._~" stay, and so do the bytes of `keep`; the rest becomes "%2F".
std::string percent_encode(std::string_view text, std::string_view keep = "");
// "a%2Fb" -> "a/b"; what is no escape stays as it is.
std::string percent_decode(std::string_view text);
bool has_broken_escape(std::string_view text);  // a '%' without two hexadecimal digits behind it

bool is_control(char c);  // below 0x20, or DEL: ASCII's
// With a space for each of them: nothing of it ends a line or begins an escape.
std::string printable(std::string text);

}  // namespace cairn
