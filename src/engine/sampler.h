// From logits to a token. Pure functions of the logits row, the request's sampling parameters, its seed and the index
// of the output token: batching, chunking and preemption change nothing. Arithmetic is in a fixed order, in f64 with an
// exponential of our own, so that machines agree. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "api/generator.h"
#include "base/result.h"

namespace cairn {

struct Draw {
  std::uint64_t seed = 0;
  std::uint32_t output_index = 0;  // how many tokens the request has generated before
};

// Greedy when temperature < 1e-5: the highest logit, of equal ones the lowest id. Else softmax(logits / temperature),
// cut to top_k, then to the smallest set with probability >= top_p. With sampling.logprobs >= 0 the token carries its
// log-probability under the uncut, untempered softmax and that many alternatives. kCorrupt: a logit is not a number.
Result<Token> sample(std::span<const float> logits, const Sampling& sampling, const Draw& draw);

// log-softmax of one row in index order.
std::vector<float> log_softmax(std::span<const float> logits);

}  // namespace cairn
