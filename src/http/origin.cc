#include "http/origin.h"

#include <charconv>
#include <string_view>

namespace cairn {

Result<HttpOrigin> parse_origin(const std::string& url) {
  static constexpr std::string_view kScheme = "http://";
  const auto wrong = [&url](const std::string& why) {
    return invalid("'" + url + "' " + why + "; a URL is http://HOST:PORT, with a path if need be");
  };
  if (url.starts_with("https://")) return wrong("asks for TLS, which is not spoken here");
  if (!url.starts_with(kScheme)) return wrong("does not begin with http://");
  for (const char c : url) {
    if (c <= ' ' || c == 0x7f || c == '"' || c == '\\') return wrong("holds a space or a control character");
  }
  HttpOrigin origin;
  const std::string rest = url.substr(kScheme.size());
  const auto slash = rest.find('/');
  origin.authority = rest.substr(0, slash);
  if (slash != std::string::npos) origin.path = rest.substr(slash);
  while (origin.path.ends_with('/')) origin.path.pop_back();
  if (origin.path.find_first_of("?#") != std::string::npos) return wrong("has a query or a fragment");
  if (origin.authority.find_first_of("@?#") != std::string::npos) return wrong("has more than a host and a port");
  const auto bracket = origin.authority.rfind(']');
  const auto colon = origin.authority.find(':', bracket == std::string::npos ? 0 : bracket);
  origin.host = origin.authority.substr(0, colon);
  if (bracket != std::string::npos) {
    if (!origin.host.starts_with('[') || !origin.host.ends_with(']')) return wrong("has a broken IPv6 address");
    origin.host = origin.host.substr(1, origin.host.size() - 2);
  }
  if (origin.host.empty()) return wrong("names no host");
  if (colon != std::string::npos) {
    const char* const end = origin.authority.data() + origin.authority.size();
    const auto [stop, error] = std::from_chars(origin.authority.data() + colon + 1, end, origin.port);
    if (error != std::errc() || stop != end || origin.port == 0) return wrong("has no port of 1 to 65535");
  }
  return origin;
}

}  // namespace cairn
