#include "http/config.h"

#include <arpa/inet.h>

namespace cairn {
namespace {

bool is_loopback_v6(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
}

}  // namespace

Result<ListenAddress> parse_listen(const std::string& text) {
  const auto bad = [&text] {
    return invalid("listen: \"" + text.substr(0, 100) + "\" is no address:port, such as 127.0.0.1:8000 or [::1]:0");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  ListenAddress address;
  address.host = text.substr(0, colon);
  const auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port > 65535) return bad();
  address.port = static_cast<std::uint16_t>(*port);
  if (address.host == "localhost") address.host = "127.0.0.1";
  if (address.host.empty() || address.host == "*") address.host = "0.0.0.0";
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
    in6_addr v6{};
    if (::inet_pton(AF_INET6, address.host.c_str(), &v6) != 1) return bad();
    address.loopback = is_loopback_v6(address.host);
    return address;
  }
  in_addr v4{};
  if (::inet_pton(AF_INET, address.host.c_str(), &v4) != 1) return bad();
  address.loopback = (ntohl(v4.s_addr) >> 24) == 127;
  return address;
}

Result<void> HttpConfig::validate() const {
  CAIRN_TRY(const ListenAddress address, parse_listen(listen));
  if (!address.loopback && api_keys.empty() && api_keys_file.empty()) {
    return invalid("listen: " + listen +
                   " is reachable from other machines; set api_keys or api_keys_file, or listen on 127.0.0.1");
  }
  const auto positive = [](const char* name, std::uint64_t value) -> Result<void> {
    if (value == 0) return invalid(std::string(name) + " must be at least 1");
    return {};
  };
  CAIRN_TRY_VOID(positive("connections_max", connections_max));
  CAIRN_TRY_VOID(positive("idle_timeout_ms", idle_timeout_ms));
  CAIRN_TRY_VOID(positive("header_timeout_ms", header_timeout_ms));
  CAIRN_TRY_VOID(positive("body_timeout_ms", body_timeout_ms));
  CAIRN_TRY_VOID(positive("write_timeout_ms", write_timeout_ms));
  if (body_bytes_max < 1024) return invalid("body_bytes_max must be at least 1024");
  if (body_bytes_total_max < body_bytes_max) return invalid("body_bytes_total_max must be at least body_bytes_max");
  if (header_bytes_max < 1024) return invalid("header_bytes_max must be at least 1024");
  if (stream_pending_bytes_max < 64 * kKiB) return invalid("stream_pending_bytes_max must be at least 64KiB");
  return {};
}

}  // namespace cairn
