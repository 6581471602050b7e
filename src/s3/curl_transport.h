// The transport over libcurl: HTTP/1.1 with kept connections, one thread, one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "s3/transport.h"

namespace cairn {

struct CurlConfig {
  bool tls = true;
  std::string ca_file, proxy;
  std::int64_t connect_us = 3'000'000;
  std::uint32_t connections_max = 64;  // kept and under way
};

// kUnavailable: libcurl cannot start, or lacks what is asked for. The environment's proxy variables are not read.
Result<std::shared_ptr<Transport>> make_curl_transport(const CurlConfig& config, const Clock& clock);

}  // namespace cairn
