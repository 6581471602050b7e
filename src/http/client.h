// HTTP/1.1 client: many calls on one loop thread, answers as they arrive. Connections are kept and used again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/headers.h"
#include "http/loop.h"
#include "http/origin.h"

namespace cairn {

struct HttpCall {
  HttpOrigin origin;
  std::string method = "GET", target = "/";  // target: path and query
  HttpHeaders headers;                       // Host, Content-Length and Connection are the client's own
  std::shared_ptr<const std::string> body;   // null: none
  std::uint32_t head_timeout_ms = 0;         // from being connected to the answer's whole header; 0: no bound
  std::uint32_t idle_timeout_ms = 0;         // between two pieces of the answer; 0: no bound
  std::uint32_t total_timeout_ms = 0;        // from the start to the end; 0: no bound
};

struct HttpAnswerHead {
  int status = 0;
  HttpHeaders headers;                      // as received; hop-by-hop fields included
  std::optional<std::uint64_t> body_bytes;  // unset: chunked, or until the connection ends
};

// Where an answer goes. Called on the loop thread, never from within start(), in the order on_head, on_body*, on_end.
class HttpAnswerSink {
 public:
  virtual ~HttpAnswerSink() = default;
  virtual void on_head(const HttpAnswerHead& head) = 0;
  virtual void on_body(std::string_view bytes) = 0;  // without the framing of chunks
  // The last call, exactly once unless cancelled. kUnavailable: not connected, or broken off (before on_head: nothing
  // of an answer came); kTimeout: a bound of the call; kCorrupt: not HTTP; kExhausted: this process has no more
  // descriptors or ports, whatever the server is like.
  virtual void on_end(Result<void> end) = 0;
};

struct HttpClientConfig {
  std::uint32_t connect_timeout_ms = 2000;
  std::uint32_t idle_connections_max = 256;  // kept for another call, per origin
  std::uint32_t keep_idle_ms = 30'000;       // less than servers keep theirs
  std::uint32_t header_bytes_max = 64 * 1024;
};

using HttpCallId = std::uint64_t;

// All members: loop thread. At the end of its life calls under way are cancelled.
class HttpClient {
 public:
  HttpClient(HttpLoop& loop, const HttpClientConfig& config);
  ~HttpClient();

  // `sink` lives until its on_end, or until cancel(). A kept connection that its server has just closed is replaced by
  // a new one once, as long as no byte of an answer came.
  HttpCallId start(HttpCall call, HttpAnswerSink& sink);
  void cancel(HttpCallId id);  // closes the connection; the sink is not called any more
  void pause(HttpCallId id);   // reads no more of this answer ...
  void resume(HttpCallId id);  // ... until now

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cairn
