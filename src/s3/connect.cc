#include "s3/connect.h"

#include "s3/curl_transport.h"

namespace cairn {
namespace {

constexpr std::int64_t kCredentialsUs = 40'000'000;

}  // namespace

Result<std::shared_ptr<S3Client>> connect_bucket(const S3Config& config, const Clock& clock, Log& log,
                                                 Metrics& metrics) {
  const auto keeper = std::make_shared<CredentialKeeper>(credential_source(config), clock);
  CAIRN_TRY_VOID(keeper->load(kCredentialsUs));
  CurlConfig curl;
  curl.tls = config.tls, curl.ca_file = config.ca_file, curl.proxy = config.proxy;
  curl.connect_us = std::int64_t{config.connect_ms} * 1000;
  curl.connections_max = config.connections + config.small_connections;
  CAIRN_TRY(const std::shared_ptr<Transport> transport, make_curl_transport(curl, clock));
  return std::make_shared<S3Client>(config, S3Deps{clock, log, metrics, transport, keeper});
}

}  // namespace cairn
