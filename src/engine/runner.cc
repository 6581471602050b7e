#include "engine/runner.h"

#include <algorithm>

namespace cairn {

Result<std::span<const float>> CpuRunner::run(std::span<const ForwardSlice> slices) {
  std::size_t rows = 0;
  for (const ForwardSlice& slice : slices) {
    CAIRN_CHECK(!slice.tokens.empty(), "an empty slice");
    rows += slice.logits == LogitsOf::kLast ? 1 : slice.logits == LogitsOf::kAll ? slice.tokens.size() : 0;
    const bool known =
        std::all_of(slice.tokens.begin(), slice.tokens.end(), [&](TokenId t) { return t < vocabulary_; });
    if (!known) return invalid("a token outside the vocabulary");
  }
  const std::span<const float> logits = forward_.run(slices, pool_);
  CAIRN_CHECK(logits.size() == rows * vocabulary_, "one row of logits for each slice that asks");
  return logits;
}

}  // namespace cairn
