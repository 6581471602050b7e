#include "s3/address.h"

#include "base/text.h"

namespace cairn {

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

std::string S3Address::path(std::string_view key) const { return bucket_path_ + "/" + percent_encode(key, "/"); }

}  // namespace cairn
