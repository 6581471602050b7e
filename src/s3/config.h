// Options of a store in a bucket. A store URL is s3://bucket/prefix?endpoint=...; its query's keys are these fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace cairn {

struct S3Config {
  std::string bucket, prefix;      // prefix: no slash at either end
  std::string endpoint, region;    // endpoint: host[:port]
  std::optional<bool> path_style;  // unset: the host's name carries the bucket where it can
  bool tls = true;
  std::string ca_file, proxy;
  std::string profile;
  std::uint32_t connections = 16, small_connections = 32;
  std::uint64_t part_bytes = 8 * kMiB, multipart_bytes = 64 * kMiB;
  std::uint32_t connect_ms = 3000, attempt_ms = 30'000, attempts_max = 4, backoff_ms = 50;
  std::string storage_class, sse_kms_key_id, expected_owner;
  bool request_payer = false;
  std::uint64_t capacity_bytes = 0;
  std::uint32_t known_keys_max = 1u << 20, erases_per_minute_max = 16;
  std::uint32_t drain_ms = 5000;

  // Not in a URL, which people print and shells remember.
  std::string access_key_id, secret_access_key, session_token;

  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    using S = S3Config;
    v.field("endpoint", &S::endpoint, "host[:port] of the service; unset: Amazon's of the region");
    v.field("region", &S::region, "region in signatures; unset: AWS_REGION, else us-east-1");
    v.field("path_style", &S::path_style,
            "the bucket stands in the path, not in the host's name; unset: in the host's name where that can be");
    v.field("tls", &S::tls, "encrypt; false is for loopback and closed networks");
    v.field("ca_file", &S::ca_file, "certificates to trust instead of the system's");
    v.field("proxy", &S::proxy, "URL of an HTTP proxy; the proxy variables of the environment are not read");
    v.field("profile", &S::profile, "section of the shared credentials file");
    v.field("connections", &S::connections,
            "most transfers at a time, how many is found out; 1: never two requests of any kind at once");
    v.field("small_connections", &S::small_connections, "most lookups and other small requests beside them");
    v.field("part_bytes", &S::part_bytes, "larger blocks are read in ranges of this size side by side");
    v.field("multipart_bytes", &S::multipart_bytes, "larger blocks are written as multipart uploads");
    v.field("connect_ms", &S::connect_ms, "patience with a connection");
    v.field("attempt_ms", &S::attempt_ms, "patience with a request on which not a byte moves; then it is tried again");
    v.field("attempts_max", &S::attempts_max, "tries of one request, the first included");
    v.field("backoff_ms", &S::backoff_ms, "before the second try, at most; doubles with each, at random below");
    v.field("storage_class", &S::storage_class, "of new objects, as the service names them");
    v.field("sse_kms_key_id", &S::sse_kms_key_id, "key by which the service encrypts new objects");
    v.field("expected_owner", &S::expected_owner, "account that must own the bucket");
    v.field("request_payer", &S::request_payer, "we pay for requests to somebody else's bucket");
    v.field("capacity_bytes", &S::capacity_bytes, "stop storing beyond; 0: no limit");
    v.field("known_keys_max", &S::known_keys_max, "blocks remembered as present");
    v.field("erases_per_minute_max", &S::erases_per_minute_max,
            "beyond it damaged blocks stay and errors are reported: the fault may be ours");
    v.field("drain_ms", &S::drain_ms, "patience with batches under way at stop");
  }
};

bool uses_path_style(const S3Config& config);  // after validate()

}  // namespace cairn
