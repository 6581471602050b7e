// One request of a load test, as it ended: a value. Times are seconds since the epoch, on one clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cairn {

using TierTokens = std::vector<std::pair<std::string, std::uint64_t>>;

struct RequestRecord {
  enum class End : std::uint8_t { kFinished, kFailed, kInFlight } end = End::kFinished;
  std::uint32_t user_id = 0, question = 0;  // the question's number as asked
  double launch_s = 0, finish_s = 0;        // finish_s: the stream's end, the failure, or when the run was cut
  double ttft_s = 0;                        // to the first text; of a request that was cut: 0 when none had come
  double generation_s = 0;                  // from there to the stream's end; kFinished only
  std::uint64_t prompt_tokens = 0, generation_tokens = 0;  // as the server counts
  std::optional<std::uint64_t> cached_tokens;
  TierTokens cached_by_tier;
  std::vector<float> gaps_s;  // between two pieces of text
  std::string answer_digest;  // of the text: equal answers, equal digests
  std::string error;          // kFailed only

  bool finished() const { return end == End::kFinished; }
  bool has_ttft() const { return finished() || (end == End::kInFlight && ttft_s > 0); }
  double first_text_wait_s() const { return has_ttft() ? ttft_s : end_to_end_s(); }  // at least so long
  double end_to_end_s() const { return finish_s - launch_s; }
};

}  // namespace cairn
