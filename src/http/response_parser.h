// Bytes of a connection -> one answer, piece by piece. Incremental, bounded, no sockets: what a fuzzer drives too. One
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/client.h"

namespace cairn {

class HttpResponseParser {
 public:
  enum class State : std::uint8_t { kHead, kBody, kDone, kBroken };
  enum class AskedFor : std::uint8_t { kBody, kHeadOnly };  // kHeadOnly: the request was a HEAD

  HttpResponseParser(AskedFor asked, std::uint32_t header_bytes_max);
  ~HttpResponseParser();
  HttpResponseParser(HttpResponseParser&&) noexcept;
  HttpResponseParser& operator=(HttpResponseParser&&) noexcept;

  // Takes all bytes, and gives the pieces of the body that they hold to `body` in order. Interim answers (1xx) are
  // skipped. Bytes behind the answer's end break it: nobody asked for them.
  State feed(std::string_view bytes, const std::function<void(std::string_view)>& body);
  // The connection has ended: kDone for an answer that lasts until then, kBroken for any other that is not done.
  State end();
  State state() const;
  const HttpAnswerHead& head() const;  // from kBody on
  bool keep_alive() const;             // of kDone: the connection may carry another call
  const std::string& detail() const;   // of kBroken

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
