// Sends the multi-round QA workload to a server and takes the times: one thread, one event loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bench/multi_round_qa.h"
#include "bench/qa_report.h"

namespace cairn {

struct QaRunOptions {
  QaWorkload workload;
  std::string base_url;                   // "http://127.0.0.1:8000/v1"
  std::string model, api_key;             // api_key: empty sends none
  std::vector<std::string> metrics_urls;  // whole URLs; none: /metrics beside the base URL
  double time_s = 0;                      // 0: until stopped
  std::optional<double> drain_s;          // for requests in flight at the end; unset: until the last one is there
  std::optional<double> log_interval_s;   // a line with the figures since the last one
  double request_timeout_s = 600;         // without a byte from the server
  std::uint32_t warm_up_chats = 10;       // at once, waited for, not recorded
  bool ignore_eos = false;
  bool verbose = false;  // a line when a request starts and ends

  Result<void> validate() const;
};

struct QaProgress {
  enum class Phase : std::uint8_t { kWarmUp, kRunning, kDraining } phase = Phase::kWarmUp;
  double elapsed_s = 0, time_s = 0;  // of the run; time_s as in the options
  std::uint64_t finished = 0, failed = 0, in_flight = 0, sessions = 0;
  double ttft_sum_s = 0;  // over the finished ones
};
std::string to_line(const QaProgress& progress);

// The functions are called on the calling thread, between events, and are quick.
struct QaRunDeps {
  const Clock& clock;
  const std::atomic<bool>& stop;                    // set: as if the time were over. Looked at ten times a second
  std::function<void(const QaProgress&)> progress;  // each tick
  // What log_interval_s or verbose ask for: figures, late answers, failures.
  std::function<void(const std::string&)> line;
  const std::atomic<bool>* cut = nullptr;  // set: answers on their way are not awaited any more, whatever drain_s says
};

// Blocks until the last request came back or was cut. kInvalid: options; kUnavailable: not one chat of the warm-up was
// answered. A request that fails is a record, not an error.
Result<QaReport> run_multi_round_qa(const QaRunOptions& options, const QaRunDeps& deps);

// The body of a chat completion as the workload sends it.
std::string chat_body(const QaRunOptions& options, const std::vector<ChatTurn>& chat, std::uint32_t answer_tokens);

}  // namespace cairn
