// HTTP/1.1 as this room sees it: requests, answers, one exchange of them, and what a service must do. No sockets, no
// library types. All of it belongs to the one I/O thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/headers.h"

namespace cairn {

struct HttpRequest {
  std::string method, path, query;  // path is not percent-decoded
  std::string authorization, content_type, request_id;
  HttpHeaders headers;  // all, as received
  std::string body;
  bool keep_alive = true, chunked_answers = true;  // the second: HTTP/1.1
  std::int64_t received_us = 0;                    // when its header was whole
  std::string tenant;                              // set by HttpService::admit
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  HttpHeaders headers;
};

// An answer whose body comes piece by piece.
struct HttpStreamHead {
  int status = 200;
  HttpHeaders headers;
  std::optional<std::uint64_t> body_bytes = {};  // set: exactly as many are written; else in chunks, or until the close
};

enum class GoneReason : std::uint8_t { kClosed, kSlowReader, kStopping };

// One request and the way back to its client. Either respond(), or begin_stream(), write()*, and end_stream() or
// abort_stream(). After the client is gone everything is accepted and dropped.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  virtual const HttpRequest& request() const = 0;
  virtual void respond(HttpResponse response) = 0;
  virtual void begin_stream(HttpStreamHead head) = 0;
  // Copies. Bytes that wait for a slow reader are bounded: beyond, the client counts as gone.
  virtual void write(std::string_view bytes) = 0;
  virtual void end_stream() = 0;
  virtual void abort_stream() = 0;  // sends what was written, then closes: the client sees that it is not all
  virtual std::size_t waiting_bytes() const = 0;  // written, and not yet on its way
  // Called at most once, when the client left before its answer was complete, or (kStopping) when the server's
  // patience is over: then the answer may still be ended, within the call. Not called from within the members above.
  std::function<void(GoneReason)> on_gone;
  // Called when all that waited has gone on its way, as on_gone not from within the members above.
  std::function<void()> on_taken;
};

enum class HttpRefusal : std::uint8_t {
  kMalformed,
  kHeaderTooLarge,
  kBodyTooLarge,
  kTooManyConnections,
  kBodyMemory,
  kTimeout
};

class HttpService {
 public:
  virtual ~HttpService() = default;
  // The header is whole, the body not read: authentication, route, limits. An answer refuses the request.
  virtual std::optional<HttpResponse> admit(HttpRequest& head) = 0;
  virtual void handle(std::shared_ptr<HttpExchange> exchange) = 0;
  // What the HTTP layer refuses by itself.
  virtual HttpResponse refuse(HttpRefusal why, const std::string& detail) = 0;
  virtual void connections_changed(std::size_t open) = 0;
  // True while sinks of this service may still be called; the server runs on until they may not.
  virtual bool busy() const = 0;
};

// "200 OK" of a status.
std::string_view reason_phrase(int status);
// Status line and headers, ready to send.
struct ResponseHead {
  int status = 200;
  std::string content_type;                 // empty: it stands among the headers, or nowhere
  std::optional<std::uint64_t> body_bytes;  // nothing: chunked, until the close, or none
  bool chunked = false, close = false, keep_alive_10 = false;
};
std::string format_head(const ResponseHead& head, const HttpHeaders& headers);

}  // namespace cairn
