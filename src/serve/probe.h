// What this room tells to monitoring and to the line per request: what clients see. What the generator does (tokens,
// queue, cache) the generator tells itself: no series has two writers. Events, not label strings. I/O thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/generator.h"
#include "http/exchange.h"
#include "telemetry/metrics.h"

namespace cairn {

// One finished request (all its choices), for people: printed as one line.
struct RequestSummary {
  std::string id, path, tenant;
  int status = 200;
  std::string finish;  // stop, length, cancelled, error
  CacheUse use;        // summed over the choices
  std::uint64_t output_tokens = 0;
  std::int64_t ttft_us = -1;  // -1: no token came
  std::int64_t total_us = 0;
};
// `POST /v1/completions 200 stop prompt=1526 device=0 ram=256 store=1024 computed=246 output=16 ttft=38.1ms
// total=0.51s`
std::string to_line(const RequestSummary& summary);

class ServeProbe {
 public:
  ServeProbe(Metrics& metrics, const std::string& model);
  ~ServeProbe();

  void answered(const std::string& route, int status);
  void refused(const std::string& reason);
  void connections(std::size_t open);
  void started(std::uint64_t output_tokens_max);  // a sequence waits for its first token
  void first_token(std::int64_t ttft_us);
  struct Ended {
    std::string reason;  // stop, length, abort, error
    std::uint64_t prompt_tokens = 0, output_tokens = 0;
    std::int64_t total_us = 0, decode_us = 0;
  };
  void ended(const Ended& ended);  // once per started()
  void gone(GoneReason reason);

 private:
  struct Series;
  std::unique_ptr<Series> series_;
};

}  // namespace cairn
