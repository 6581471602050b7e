// One HTTP exchange and who carries it out. The seam between what is asked of a bucket (client.h) and how bytes move:
// libcurl in the product, a simulation in tests. All calls into an exchange come from the transport's one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace cairn {

enum class HttpMethod : std::uint8_t { kGet, kHead, kPut, kPost, kDelete };
std::string_view to_string(HttpMethod method);  // "GET"

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// What a request sends. `read` fills from byte `offset` on and tells how many it wrote; 0 before the end: it was given
// up. Asked again from 0 when the request is sent once more.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::uint64_t size() const = 0;
  virtual std::size_t read(std::uint64_t offset, std::span<std::byte> into) = 0;
};

struct ResponseHead {
  int status = 0;
  std::optional<std::uint64_t> content_length;
  std::string etag, content_range, retry_after, date, region;  // empty: not there
};

// Takes a response. False: enough, break the connection off (the exchange then ends as kCancelled).
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual bool on_head(const ResponseHead& head) = 0;  // once, before any byte
  virtual bool on_bytes(std::span<const std::byte> bytes) = 0;
};

class Exchange {
 public:
  virtual ~Exchange() = default;
  // Filled by whoever submits it; fixed until on_end.
  HttpMethod method = HttpMethod::kGet;
  std::string url;                   // whole, percent-encoded
  HttpHeaders headers;               // all that are sent besides Host and Content-Length
  std::shared_ptr<BodySource> body;  // null: none
  Deadline deadline;
  std::int64_t idle_us = 30'000'000;  // without a byte either way: kTimeout

  virtual ResponseSink& sink() = 0;
  // Once, last: the transport has forgotten it. {}: a whole response arrived. kTimeout: the deadline or idle_us passed.
  // kCancelled: cancel(), or the sink's or the body's wish. kUnavailable: no connection, broken off, not HTTP.
  virtual void on_end(Result<void> result) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;                                      // checked: nothing under way
  virtual void submit(std::shared_ptr<Exchange> exchange) = 0;         // any thread
  virtual void cancel(const std::shared_ptr<Exchange>& exchange) = 0;  // any thread; on_end still comes, once
  // Runs `work` on the transport's thread, not before `at`; {0}: at once.
  using Timer = std::uint64_t;
  virtual Timer post(Deadline at, std::function<void()> work) = 0;
  virtual void forget(Timer timer) = 0;  // any thread; nothing when it ran, or runs
};

}  // namespace cairn
