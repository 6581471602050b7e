// Where a server is.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace cairn {

struct HttpOrigin {
  std::string host;  // a name or an address; IPv6 without brackets
  std::uint16_t port = 80;
  std::string path;       // put before every target ("/v1" in a base URL); without a slash at its end, mostly empty
  std::string authority;  // "host:port", as the Host field and in messages
};
// "http://host:port" with an optional path. kInvalid says what is wrong: another scheme (TLS is not spoken), no host, a
// port out of range.
Result<HttpOrigin> parse_origin(const std::string& url);

}  // namespace cairn
