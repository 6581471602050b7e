// MD5 as services want it beside a list of removals (Content-MD5); it protects nothing.
#pragma once

#include <string>
#include <string_view>

namespace cairn {

// Base64 of the digest; empty where the system allows no MD5.
std::string md5_base64(std::string_view text);

}  // namespace cairn
