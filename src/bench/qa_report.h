// Rows and summary of a multi-round QA run as files. Pure: text in, text out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/metrics_page.h"
#include "bench/multi_round_qa.h"
#include "bench/qa_summary.h"
#include "bench/request_record.h"

namespace cairn {

struct QaReport {
  QaWorkload workload;
  std::vector<RequestRecord> records;  // as they ended; those that were cut come last
  QaSummary summary;                   // of the whole run
  TokensBySource counted_tokens;       // by the servers' own metrics; empty: they have none
  std::uint64_t sessions = 0;          // that took part
  std::uint32_t warm_up_failed = 0;
  bool interrupted = false;
};

// Columns of the original script first, in its order: prompt_tokens, generation_tokens, ttft, generation_time, user_id,
// question_id, launch_time, finish_time; then ours. question_id counts the finished requests of a session from 1. Rows
// of requests that failed or were cut leave the figures (but the ttft of a cut answer that had begun) and finish_time
// empty, so that a window over finish_time passes them by.
std::string to_csv(const std::vector<RequestRecord>& records);
// Of this program or of the original script. kInvalid: the line and what is wrong with it.
Result<std::vector<RequestRecord>> parse_csv(std::string_view text);

std::string to_json(const QaReport& report);             // unset figures are null; there is no inf or nan
std::string to_json(const QaSummary& summary);           // the report's "summary", on one line
Result<QaSummary> parse_summary(std::string_view json);  // of that. kCorrupt: what is wrong with it
std::string to_text(const TokensBySource& counted);

}  // namespace cairn
