#include "s3/address.h"

#include <cctype>

namespace cairn {

std::string percent_encode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kHex = "0123456789ABCDEF", kPlain = "-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x80 && std::isalnum(byte) != 0) || kPlain.find(c) != std::string_view::npos ||
        (keep_slash && c == '/')) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

S3Address::S3Address(const S3Config& config) : scheme_(config.tls ? "https" : "http"), prefix_(config.prefix) {
  std::string host = config.endpoint.empty() ? "s3." + config.region + ".amazonaws.com" : config.endpoint;
  if (config.endpoint.empty() && config.region.starts_with("cn-")) host += ".cn";
  const std::string own_port = config.tls ? ":443" : ":80";
  if (host.ends_with(own_port)) host.resize(host.size() - own_port.size());  // a client leaves it out of Host
  if (uses_path_style(config)) {
    host_ = host;
    bucket_path_ = "/" + config.bucket;
  } else {
    host_ = config.bucket + "." + host;
  }
}

std::string S3Address::path(std::string_view key) const { return bucket_path_ + "/" + percent_encode(key, true); }

}  // namespace cairn
