// Configuration of an HTTP endpoint: where it listens, who may call, and a bound for everything that a client can make
// grow or wait.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace cairn {

struct HttpConfig {
  std::string listen = "127.0.0.1:8000";
  std::string ready_file;
  std::vector<std::string> api_keys;
  std::string api_keys_file;
  std::uint32_t connections_max = 4096;
  std::uint64_t body_bytes_max = 16 * kMiB;
  std::uint64_t body_bytes_total_max = 256 * kMiB;
  std::uint32_t header_bytes_max = 64 * 1024;
  std::uint64_t stream_pending_bytes_max = 1 * kMiB;
  std::uint32_t idle_timeout_ms = 75'000;
  std::uint32_t header_timeout_ms = 10'000;
  std::uint32_t body_timeout_ms = 60'000;
  std::uint32_t write_timeout_ms = 30'000;
  std::uint32_t drain_ms = 5000;

  // Does not read api_keys_file. kInvalid names the field first.
  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    describe_as<HttpConfig>(v);
  }
  // As fields of `C`, which derives from this.
  template <class C, class V>
  static void describe_as(V& v) {
    const auto of = []<class M>(M HttpConfig::* field) { return static_cast<M C::*>(field); };
    v.field("listen", of(&HttpConfig::listen),
            "address:port; port 0 picks a free one; beyond loopback only with an API key");
    v.field("ready_file", of(&HttpConfig::ready_file), "gets the URL once requests are accepted");
    v.field("api_keys", of(&HttpConfig::api_keys), "KEY or TENANT=KEY that requests must carry as Bearer; none: open");
    v.field("api_keys_file", of(&HttpConfig::api_keys_file), "file with one such line a key; # starts a comment");
    v.field("connections_max", of(&HttpConfig::connections_max), "open connections; more get a 503");
    v.field("body_bytes_max", of(&HttpConfig::body_bytes_max), "body of one request; larger ones get a 413");
    v.field("body_bytes_total_max", of(&HttpConfig::body_bytes_total_max),
            "bodies being received, together; more get a 503");
    v.field("header_bytes_max", of(&HttpConfig::header_bytes_max), "header of one request; larger ones get a 431");
    v.field("stream_pending_bytes_max", of(&HttpConfig::stream_pending_bytes_max),
            "bytes a slow reader may leave unread");
    v.field("idle_timeout_ms", of(&HttpConfig::idle_timeout_ms),
            "a connection without a request is closed after this long");
    v.field("header_timeout_ms", of(&HttpConfig::header_timeout_ms), "from the first byte of a header to its last");
    v.field("body_timeout_ms", of(&HttpConfig::body_timeout_ms),
            "from the end of the header to the last byte of the body");
    v.field("write_timeout_ms", of(&HttpConfig::write_timeout_ms),
            "a reader that takes nothing for this long is cut off");
    v.field("drain_ms", of(&HttpConfig::drain_ms), "open streams get this long to end at a stop");
  }
};

struct ListenAddress {
  std::string host;  // numeric; IPv6 without brackets
  std::uint16_t port = 0;
  bool loopback = false;
};
// "127.0.0.1:8000", "[::1]:0", "localhost:8000" (127.0.0.1), "*:8000" and ":8000" (0.0.0.0).
Result<ListenAddress> parse_listen(const std::string& text);

}  // namespace cairn
