// Bytes of a connection -> requests. Incremental, bounded, no sockets: the same code that the fuzzer drives. One
// thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace cairn {

struct HttpLimits {
  std::uint64_t header_bytes_max = 64 * 1024, body_bytes_max = 16u << 20;
};

class HttpRequestParser {
 public:
  enum class State : std::uint8_t { kHeader, kBody, kDone, kBroken };
  explicit HttpRequestParser(const HttpLimits& limits);
  ~HttpRequestParser();
  HttpRequestParser(HttpRequestParser&&) noexcept;
  HttpRequestParser& operator=(HttpRequestParser&&) noexcept;

  // Takes all bytes; those beyond the end of this request wait for take_rest().
  State feed(std::string_view bytes);
  State state() const;
  // The header, from kBody on; the body is complete at kDone.
  HttpRequest& request();
  bool expects_continue() const;
  std::optional<std::uint64_t> content_length() const;  // nothing: chunked, or no body
  std::uint64_t buffered_bytes() const;                 // memory that this request holds
  HttpRefusal refusal() const;                          // of kBroken
  const std::string& detail() const;
  std::string take_rest();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
