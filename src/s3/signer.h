// AWS Signature Version 4 in the headers of a request, by AWS's own library.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "s3/credentials.h"
#include "s3/transport.h"

namespace cairn {

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view kEmptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct ToSign {
  HttpMethod method = HttpMethod::kGet;
  std::string_view host, path_and_query;  // as sent; the query sorted by name, each name with its '='
  std::string_view payload;               // lower-case hex of its SHA-256, or kUnsignedPayload
  std::string_view region;
  std::int64_t unix_us = 0;
};

// Signs host, all of `headers` and what it adds: x-amz-date, x-amz-content-sha256, x-amz-security-token, authorization.
Result<void> sign(const ToSign& request, const Credentials& by, HttpHeaders& headers);

}  // namespace cairn
