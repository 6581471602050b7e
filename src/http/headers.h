// Header fields, and which of them a proxy passes on (RFC 9110 §7.6.1, RFC 9112 §9). Values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;  // names and values, in order

bool equals_ignoring_case(std::string_view a, std::string_view b);
// The first one's value; empty: none.
std::string_view header_of(const HttpHeaders& headers, std::string_view name);
// Without the fields that belong to one connection, those that Connection names, and the framing, which either side
// makes anew.
HttpHeaders end_to_end(const HttpHeaders& headers);

}  // namespace cairn
